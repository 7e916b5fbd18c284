import type { Fault } from '#kernel';

/** Of all values together, each counted as often as it is put in: place holders repeat. */
const MAX_CHARS = 4 * 1024 * 1024;

/** The arguments of one call, read where they are put in. Whatever does not fit is noted, and read as empty. */
export class ToolValues {
  private readonly noted = new Map<string, string>();
  private left = MAX_CHARS;

  constructor(private readonly args: Readonly<Record<string, unknown>>) {}

  /** Of every argument one at most. */
  get faults(): readonly Fault[] {
    return [...this.noted].map(([path, message]) => ({ path, message }));
  }

  refuse(name: string, message: string): void {
    if (!this.noted.has(name)) this.noted.set(name, message);
  }

  /** Where text is wanted: of what is no text, numbers and truth values have one. */
  text(name: string): string {
    const value = this.args[name];
    if (typeof value === 'string') return this.counted(name, value);
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    this.refuse(name, 'must be text');
    return '';
  }

  /** Where any JSON value may stand, as JSON text. */
  json(name: string): string {
    return this.counted(name, JSON.stringify(this.args[name]));
  }

  private counted(name: string, text: string): string {
    this.left -= text.length;
    if (this.left >= 0) return text;
    this.refuse(name, `makes a request of more than ${MAX_CHARS} characters`);
    return '';
  }
}
