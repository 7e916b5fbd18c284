import { isObject } from '#kernel';
import type { OperationParameter } from './openapi-operation.js';
import { encodeKeepingReserved, encodeStrictly } from './percent-encoding.js';

export type StyledValue = Pick<OperationParameter, 'name' | 'style' | 'explode' | 'allowReserved'>;

/*
 * How lists and objects are written (OpenAPI 3.1.1, 4.8.12.6; RFC 6570). Names and values are encoded before they are
 * joined, and so is every separator that is not legal in a URL as it stands, since strict servers refuse those.
 */

/** A value as text: what is no scalar, as JSON. */
export const textOfValue = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The scalars of a value, each of which stands between separators: elements of a list, names and values of an object. */
export function partsOf(value: unknown): string[] {
  if (Array.isArray(value)) return present(value).map(textOfValue);
  return isObject(value) ? members(value).flatMap(([key, member]) => [key, textOfValue(member)]) : [textOfValue(value)];
}

/**
 * `name=value` pairs of a query or a form, encoded; none for an empty list or object.
 *
 * @param maxChars of names and values before they are encoded; names repeat, so a small value can make a large text
 * @throws RangeError there are more
 * @throws URIError a name or a value holds half a surrogate pair
 */
export function styledPairs(parameter: StyledValue, value: unknown, maxChars = MAX_FORM_CHARS): string[] {
  const { name, style, explode } = parameter;
  const encode = parameter.allowReserved ? encodeKeepingReserved : encodeStrictly;
  let left = maxChars;
  const pair = (key: string, member: unknown): string => {
    const text = textOfValue(member);
    left -= key.length + text.length;
    if (left < 0) throw new RangeError(`more than ${maxChars} characters`);
    return `${encodeStrictly(key)}=${encode(text)}`;
  };
  if (style === 'deepObject' && typeof value === 'object')
    return nested(name, value, 0).map(([key, leaf]) => pair(key, leaf));
  if (typeof value !== 'object' || value === null) return [pair(name, value)];
  if (explode && Array.isArray(value)) return present(value).map((member) => pair(name, member));
  if (explode) return members(value).map(([key, member]) => pair(key, member));
  const parts = partsOf(value).map((part) => {
    left -= part.length + 1;
    if (left < 0) throw new RangeError(`more than ${maxChars} characters`);
    return encode(part);
  });
  return parts.length > 0 ? [`${encodeStrictly(name)}=${parts.join(SEPARATORS[style] ?? ',')}`] : [];
}

/** What an error of `styledPairs` says about the argument; throws any other error again. */
export function styleFault(error: unknown): string {
  if (error instanceof URIError) return 'holds half a character';
  if (error instanceof RangeError) return `must not make ${error.message}`;
  throw error;
}

/** Beyond what a call may carry: only names that repeat come near it. */
const MAX_FORM_CHARS = 4 * 1024 * 1024;

const SEPARATORS: Readonly<Record<string, string>> = { spaceDelimited: '%20', pipeDelimited: '%7C' };

const MAX_NESTING = 8;

/**
 * Names and values of `deepObject`, not encoded.
 *
 * @throws RangeError they have more characters than a form may have
 */
export function deepPairs(name: string, value: unknown): (readonly [name: string, text: string])[] {
  let left = MAX_FORM_CHARS;
  return nested(name, value, 0).map(([key, leaf]) => {
    const text = textOfValue(leaf);
    left -= key.length + text.length;
    if (left < 0) throw new RangeError(`more than ${MAX_FORM_CHARS} characters`);
    return [key, text];
  });
}

// The specification defines one level for objects; deeper ones and lists follow what Rack, PHP and `qs` read.
function nested(name: string, value: unknown, depth: number): [string, unknown][] {
  if (depth >= MAX_NESTING || typeof value !== 'object' || value === null) return [[name, value]];
  // Without the null ones a list has no gaps.
  const inner = Array.isArray(value) ? Object.entries(present(value)) : members(value);
  return inner.flatMap(([key, member]) => nested(`${name}[${key}]`, member, depth + 1));
}

/** The text that takes the place of `{name}` in a path, encoded. */
export function styledPathSegment(parameter: StyledValue, value: unknown): string {
  const { name, style, explode } = parameter;
  const between = SEPARATORS[style] ?? ',';
  const [prefix, separator] = PATH_STYLES[style] ?? ['', between];
  const isNamed = style === 'matrix';
  const named = (text: string): string => `${encodeStrictly(name)}=${text}`;
  const isObjectValue = isObject(value);
  if (explode && typeof value === 'object' && value !== null) {
    const parts = isObjectValue
      ? members(value).map(([key, member]) => `${encodeStrictly(key)}=${encodeStrictly(textOfValue(member))}`)
      : partsOf(value).map((part) => (isNamed ? named(encodeStrictly(part)) : encodeStrictly(part)));
    return prefix + parts.join(separator);
  }
  const list = partsOf(value).map(encodeStrictly).join(between);
  return prefix + (isNamed ? named(list) : list);
}

const PATH_STYLES: Readonly<Record<string, readonly [string, string]>> = { label: ['.', '.'], matrix: [';', ';'] };

/** The value of a header: lists and objects with commas (`simple` style), spaces or pipes; nothing encoded. */
export function styledHeader({ style, explode }: StyledValue, value: unknown): string {
  if (!isObject(value) || !explode) return joined(partsOf(value), style);
  return members(value)
    .map(([key, member]) => `${key}=${textOfValue(member)}`)
    .join(',');
}

/** With the separators of the style, nothing encoded. */
export const joined = (parts: readonly string[], style = ''): string =>
  parts.join(decodeURIComponent(SEPARATORS[style] ?? ','));

const present = (list: readonly unknown[]): unknown[] =>
  list.filter((member) => member !== undefined && member !== null);
const members = (value: object): [string, unknown][] =>
  Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
