const MIN_LENGTH = 6;
const MAX_VALUES = 50_000;
const MASK = '[secret]';

/**
 * The secret values that this process holds right now. Whatever writes text for people asks it to mask them, so that
 * a secret that slips into an error of a library still does not leave. A net below the rule, not the rule:
 * nobody logs a header or a body in the first place.
 */
export class SecretValues {
  private readonly values = new Map<string, readonly string[]>();

  /** Remembers a secret until `forget` is called. Values that are too short to be told from ordinary text are ignored. */
  remember(value: string): void {
    if (value.length < MIN_LENGTH || this.values.has(value)) return;
    if (this.values.size >= MAX_VALUES) this.values.delete(this.values.keys().next().value!);
    this.values.set(value, spellings(value));
  }

  forget(value: string): void {
    this.values.delete(value);
  }

  mask(text: string): string {
    const found = [...this.values.values()].flat().filter((form) => text.includes(form));
    // The longest first: a secret that begins with another one would keep its tail.
    return found.sort((a, b) => b.length - a.length).reduce((masked, form) => masked.replaceAll(form, MASK), text);
  }
}

/** The forms in which a secret turns up in text: as it is, and as JSON, URL, form, base64 and hex write it. */
function spellings(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  const all = [
    value,
    inJson(value),
    // A body in the message of an error in a line of the log.
    inJson(inJson(value)),
    // Half a surrogate pair is nothing that this function takes; the bytes have none.
    encodeURIComponent(bytes.toString()),
    new URLSearchParams([['', value]]).toString().slice(1),
    base64,
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
  return [...new Set(all)];
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
