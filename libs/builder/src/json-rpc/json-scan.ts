import { MAX_DEPTH, NotJsonError, TooDeepError } from './json-rpc.errors.js';

/** Where a value stands in a message: from its first byte to behind its last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

type Visit = (key: string, value: Span) => void;

interface Scanned {
  readonly bytes: Buffer;
  readonly start: number;
  readonly maxDepth: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/**
 * Visits the members of the object that begins at `start`, in order, without decoding their values. Keys come decoded.
 * Returns the index behind the object. Throws `TooDeepError`, and `NotJsonError` where it stumbles; it checks no more of
 * the grammar than it needs to find its way, so bytes that must be valid go through `JSON.parse` as well.
 *
 * Routing needs three places of a message; decoding and encoding the rest again would cost more than the whole hop.
 */
export function scanObject(bytes: Buffer, start: number, visit: Visit): number {
  return scan({ bytes, start, maxDepth: MAX_DEPTH }, visit);
}

/** The members of what begins as an object, as far as they can be found, whatever is wrong with it. */
export function findMembers(bytes: Buffer): ReadonlyMap<string, Span> {
  const found = new Map<string, Span>();
  try {
    scan({ bytes, start: 0, maxDepth: Infinity }, (key, span) => found.set(key, span));
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
  }
  return found;
}

function scan({ bytes, start, maxDepth }: Scanned, visit: Visit): number {
  let at = skipBlank(bytes, start);
  if (bytes[at] !== OPEN_OBJECT) throw new NotJsonError();
  at++;
  for (;;) {
    at = skipBlank(bytes, at);
    const byte = bytes[at];
    if (byte === CLOSE_OBJECT) return at + 1;
    if (byte === COMMA) {
      at++;
      continue;
    }
    if (byte !== QUOTE) throw new NotJsonError();
    const keyEnd = skipString(bytes, at);
    const key = keyOf(bytes, at, keyEnd);
    const value = skipBlank(bytes, skipBlank(bytes, keyEnd) + 1);
    const end = skipValue(bytes, value, maxDepth);
    visit(key, { start: value, end });
    at = end;
  }
}

/** The places of a list's elements. Same conditions as `scanObject`. */
export function scanList(bytes: Buffer, start: number): Span[] {
  const spans: Span[] = [];
  let at = skipBlank(bytes, start);
  if (bytes[at] !== OPEN_LIST) throw new NotJsonError();
  at++;
  for (;;) {
    at = skipBlank(bytes, at);
    if (bytes[at] === CLOSE_LIST) return spans;
    if (bytes[at] === COMMA) {
      at++;
      continue;
    }
    const end = skipValue(bytes, at, MAX_DEPTH);
    spans.push({ start: at, end });
    at = end;
  }
}

/** Index of the first byte at or behind `at` that is no blank. */
export function skipBlank(bytes: Buffer, at: number): number {
  let i = at;
  while (bytes[i] === 0x20 || bytes[i] === 0x0a || bytes[i] === 0x0d || bytes[i] === 0x09) i++;
  return i;
}

function skipValue(bytes: Buffer, start: number, maxDepth: number): number {
  const first = bytes[start]!;
  if (first === QUOTE) return skipString(bytes, start);
  if (first !== OPEN_OBJECT && first !== OPEN_LIST) return skipScalar(bytes, start);
  let depth = 0;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      i = skipString(bytes, i) - 1;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth > maxDepth) throw new TooDeepError();
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      if (--depth === 0) return i + 1;
    }
  }
  throw new NotJsonError();
}

function skipScalar(bytes: Buffer, start: number): number {
  let i = start;
  while (i < bytes.length) {
    const byte = bytes[i]!;
    if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST || byte <= 0x20) break;
    i++;
  }
  if (i === start) throw new NotJsonError();
  return i;
}

/** From the opening quote to behind the closing one: the first quote with an even number of backslashes before it. */
function skipString(bytes: Buffer, start: number): number {
  for (let from = start + 1; ;) {
    const quote = bytes.indexOf(QUOTE, from);
    if (quote < 0) throw new NotJsonError();
    let backslashes = 0;
    while (bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function keyOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('latin1', start + 1, end - 1);
  if (isPlain(text)) return text;
  try {
    return JSON.parse(bytes.toString('utf8', start, end)) as string;
  } catch {
    throw new NotJsonError();
  }
}

const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/;
const isPlain = (text: string): boolean => PLAIN.test(text);
