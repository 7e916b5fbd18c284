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
    let masked = text;
    for (const forms of this.values.values()) {
      for (const form of forms) if (masked.includes(form)) masked = masked.replaceAll(form, MASK);
    }
    return masked;
  }
}

/** The forms in which a secret turns up in text: as it is, and as JSON, URL, base64 and hex write it. */
function spellings(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  const all = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    base64,
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
  return [...new Set(all)];
}
