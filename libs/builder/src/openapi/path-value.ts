import { decodeFully } from './percent-encoding.js';

/** Longer path segments are refused by servers; nobody names a thing with one. */
export const MAX_PATH_VALUE = 4_096;

/**
 * Why a text may not become part of a path, or undefined if it may. Judged is what the most eager server would read:
 * after decoding again and again, without what follows a semicolon, and with compatibility characters resolved, it
 * must not be a dot segment (RFC 3986, 3.3), nor hold anything that ends a segment or a path.
 */
export function pathValueFault(text: string): string | undefined {
  if (text === '') return 'must not be empty in a path';
  if (text.length > MAX_PATH_VALUE) return `must be at most ${MAX_PATH_VALUE} characters long in a path`;
  const decoded = decodeFully(text);
  if (decoded === undefined) return 'must not be encoded over and over in a path';
  if (FORBIDDEN.test(decoded)) return 'must not hold / \\ ? # or control characters in a path, encoded or not';
  const [segment = ''] = decoded.split(';', 1);
  if (isDots(segment.normalize('NFKC')) || OVERLONG.test(decoded)) return 'must not be . or .. in a path';
  return LONE_SURROGATE.test(text) ? 'holds half a character' : undefined;
}

const isDots = (text: string): boolean => text === '.' || text === '..';

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[/\\?#\u0000-\u001f\u007f]/;
// Bytes that begin an ASCII character written too long, which lenient decoders read as that character.
const OVERLONG = /%c[01]|[\u00c0\u00c1][\u0080-\u00bf]/i;
const LONE_SURROGATE = /\p{Surrogate}/u;
