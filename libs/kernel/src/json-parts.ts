const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;

const CLOSE_LIST = 0x5d;
const CLOSE_OBJECT = 0x7d;
/** Twice as many as OpenAPI documents of 5 MiB have; to parse them takes 40 ms. */
const MOST_PARTS = 500_000;
/** Of one object or list. */
const MOST_MEMBERS = 100_000;
/** An object with more members than this is a table of names, of which each costs as much as five to ten other parts. */
const SMALL_OBJECT = 100;
/** Of all such tables: eight times as many as OpenAPI documents of 5 MiB have. They take 10 to 25 ms. */
const MOST_NAMES = 30_000;
const MOST_LEVELS = 1_000;

/**
 * What JSON text has too much of to be parsed, if anything: parts (what opens an object or a list, and every comma outside
 * of texts), members of one object or list, names of large objects, or levels. To be asked before the text is parsed, which
 * takes twenty times as long and holds everybody else up meanwhile. Text that is no JSON gets some answer.
 */
export function jsonExcess(text: string): string | undefined {
  const members = new Uint32Array(MOST_LEVELS + 1);
  const areObjects = new Uint8Array(MOST_LEVELS + 1);
  let parts = 0;
  let names = 0;
  let level = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = endOfJsonString(text, at);
    else if (char === COMMA) {
      parts++;
      const others = ++members[level]!;
      if (others >= MOST_MEMBERS) return 'holds too many values';
      if (others >= SMALL_OBJECT && areObjects[level] === 1 && ++names > MOST_NAMES) return 'holds too many names';
    } else if (char === OPEN_LIST || char === OPEN_OBJECT) {
      parts++;
      if (++level > MOST_LEVELS) return 'nests too deep';
      members[level] = 0;
      areObjects[level] = char === OPEN_OBJECT ? 1 : 0;
    } else if (level > 0 && (char === CLOSE_LIST || char === CLOSE_OBJECT)) level--;
    if (parts > MOST_PARTS) return 'holds too many values';
  }
  return undefined;
}

/** Where the quote stands that ends the string of JSON which begins at `start`; behind the text if nothing ends it. */
export function endOfJsonString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text[at - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}
