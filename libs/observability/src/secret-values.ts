import { MIN_LENGTH, SpellingIndex } from './spelling-index.js';

const MAX_VALUES = 50_000;
const MASK = '[secret]';

/**
 * The secret values that this process holds right now. Whatever writes text for people asks it to mask them, so that
 * a secret that slips into an error of a library still does not leave. A net below the rule, not the rule:
 * nobody logs a header or a body in the first place.
 */
export class SecretValues {
  /** How many owners remember each value. */
  private readonly owners = new Map<string, number>();
  private readonly index = new SpellingIndex();

  /**
   * Remembers a secret until `forget` was called as many times. Values that are too short to be told from ordinary
   * text are ignored.
   */
  remember(value: string): void {
    if (value.length < MIN_LENGTH) return;
    const owners = this.owners.get(value) ?? 0;
    if (owners === 0) {
      if (this.owners.size >= MAX_VALUES) this.drop(this.owners.keys().next().value!);
      for (const spelling of spellings(value)) this.index.add(spelling);
    }
    this.owners.set(value, owners + 1);
  }

  forget(value: string): void {
    const owners = this.owners.get(value) ?? 0;
    if (owners > 1) this.owners.set(value, owners - 1);
    else if (owners === 1) this.drop(value);
  }

  /** The text with `[secret]` in place of every spelling of every secret. Takes time in proportion to the text alone. */
  mask(text: string): string {
    return this.owners.size === 0 ? text : this.index.replaceIn(text, MASK);
  }

  private drop(value: string): void {
    this.owners.delete(value);
    for (const spelling of spellings(value)) this.index.remove(spelling);
  }
}

/** The forms in which a secret turns up in text: as it is, and as JSON, URL, form, HTML, base64 and hex write it. */
function spellings(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const hex = bytes.toString('hex');
  // Half a surrogate pair is nothing that this function takes; the bytes have none.
  const percent = encodeURIComponent(bytes.toString());
  const json = [inJson(value), inAscii(inJson(value)), inAscii(inJson(value)).replaceAll('/', String.raw`\/`)];
  const all = [
    value,
    // A body in the message of an error in a line of the log.
    ...json.flatMap((text) => [text, inJson(text)]),
    percent,
    percent.replaceAll(/%../g, (octet) => octet.toLowerCase()),
    encodeURI(bytes.toString()),
    new URLSearchParams([['', value]]).toString().slice(1),
    inHtml(value),
    ...inBase64(bytes),
    hex,
    hex.toUpperCase(),
  ];
  return [...new Set(all)];
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/** As the JSON of Python and PHP has it. */
const inAscii = (json: string): string =>
  json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const inHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '&#39;');

/**
 * At each of the three places that it can have in a longer text, such as a user and a password: as much as depends on the
 * secret alone.
 */
function inBase64(bytes: Buffer): readonly string[] {
  const within = [1, 2].map((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
    return shifted.subarray(3, shifted.length - (shifted.length % 3));
  });
  // What is left of a short one could stand in any text.
  return [bytes, ...within.filter(({ length }) => length >= MIN_LENGTH)].flatMap((part) => [
    part.toString('base64').replace(/=+$/, ''),
    part.toString('base64url'),
  ]);
}
