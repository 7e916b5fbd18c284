import type { Fault } from '#kernel';
import { type LocalPrompt, type Piece, isArgumentName } from '#registry';
import { PromptArgumentsError } from './local.errors.js';

/** Of the text that a prompt may become: place holders repeat, so that small arguments can make a large one. */
const MAX_CHARS = 1024 * 1024;
/** The two spellings of the original: of its documents, and of its code. */
const PLACE_HOLDER = /\{\{\s*([A-Za-z_]\w{0,63})\s*\}\}|\{([A-Za-z_]\w{0,63})\}/g;

interface PromptArgument {
  readonly name: string;
  readonly description?: string;
  readonly required: boolean;
}

/** A prompt whose text is a template. Values are put in as they are: nothing of them is read, and nothing is carried out. */
export class PromptTemplate {
  readonly name: string;
  private readonly description: string;
  private readonly pieces: readonly Piece[];
  private readonly taken: readonly PromptArgument[];

  constructor({ name, description, template, arguments: declared }: LocalPrompt) {
    this.name = name;
    this.description = description;
    this.pieces = piecesOf(template);
    const used = new Set(this.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.argument])));
    const known = new Set(declared.map((one) => one.name));
    this.taken = [
      ...declared.map((one) => ({
        name: one.name,
        ...(one.description ? { description: one.description } : {}),
        required: one.required ?? used.has(one.name),
      })),
      ...[...used].filter((one) => !known.has(one)).map((one) => ({ name: one, required: true })),
    ];
  }

  /** The prompt as JSON text, as members offer it (2025-11-25, schema, `Prompt`). */
  get definition(): string {
    const { name, description, taken } = this;
    return JSON.stringify({
      name,
      ...(description ? { description } : {}),
      ...(taken.length > 0 ? { arguments: taken } : {}),
    });
  }

  /**
   * The `GetPromptResult` for these arguments; what is not known is passed over, an optional one that is missing is empty.
   *
   * @throws PromptArgumentsError naming every argument that is missing or no text, or that the whole is too long
   */
  resultFor(args: Readonly<Record<string, unknown>>): object {
    const { description } = this;
    const content = { type: 'text', text: this.fill(this.valuesIn(args)) };
    return { ...(description ? { description } : {}), messages: [{ role: 'user', content }] };
  }

  private valuesIn(args: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
    const faults: Fault[] = [];
    const values = new Map<string, string>();
    for (const { name, required } of this.taken) {
      const value = Object.hasOwn(args, name) ? args[name] : undefined;
      if (value === undefined || value === null) {
        if (required) faults.push({ path: name, message: 'is required' });
      } else if (typeof value === 'string') values.set(name, value);
      else if (typeof value === 'number' || typeof value === 'boolean') values.set(name, String(value));
      else faults.push({ path: name, message: 'must be text' });
    }
    if (faults.length > 0) throw new PromptArgumentsError(faults);
    return values;
  }

  private fill(values: ReadonlyMap<string, string>): string {
    const texts = this.pieces.map((piece) => (typeof piece === 'string' ? piece : (values.get(piece.argument) ?? '')));
    const length = texts.reduce((sum, text) => sum + text.length, 0);
    if (length <= MAX_CHARS) return texts.join('');
    throw new PromptArgumentsError([
      { path: 'arguments', message: `make a text of more than ${MAX_CHARS} characters` },
    ]);
  }
}

function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { index, 0: whole, 1: double, 2: single } of template.matchAll(PLACE_HOLDER)) {
    const argument = double ?? single ?? '';
    if (!isArgumentName(argument)) continue;
    if (index > end) pieces.push(template.slice(end, index));
    pieces.push({ argument });
    end = index + whole.length;
  }
  if (end < template.length) pieces.push(template.slice(end));
  return pieces;
}
