import { type Fault, isObject } from '#kernel';

/** Deeper than any specification, and far from where recursion ends. */
const MAX_DEPTH = 200;
const MAX_FAULTS = 20;
/** PostgreSQL's jsonb holds neither NUL nor half of a surrogate pair (PostgreSQL 8.14). */
const isUnstorable = (text: string): boolean => text.includes('\0') || LONE_SURROGATE.test(text);
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * What a JSON value holds that no store could keep or no recursion could walk, by path. To be asked first, before
 * anything else looks at what a caller sent.
 */
export function plainInputFaults(input: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  const open: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value: input, path: [] }];
  for (let next = open.pop(); next && faults.length < MAX_FAULTS; next = open.pop()) {
    const { value, path } = next;
    const isList = Array.isArray(value);
    if (typeof value === 'string' && isUnstorable(value)) {
      faults.push({ path: named(path), message: 'holds a NUL or half of a surrogate pair, which cannot be stored' });
    }
    if (!isList && !isObject(value)) continue;
    if (path.length >= MAX_DEPTH) {
      faults.push({ path: path[0] ?? '', message: `nests deeper than ${MAX_DEPTH} levels` });
      continue;
    }
    for (const [key, inner] of Object.entries(value)) {
      if (!isList && isUnstorable(key)) {
        faults.push({ path: named(path), message: 'has a key with a NUL or half of a surrogate pair' });
      }
      open.push({ value: inner, path: [...path, key] });
    }
  }
  return faults;
}

/** JSON text that PostgreSQL takes as jsonb: what it could not hold is replaced by U+FFFD. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => storable(inner));
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return isUnstorable(value) ? replaced(value) : value;
  if (!isObject(value) || !Object.keys(value).some((key) => isUnstorable(key))) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [replaced(key), inner]));
}

const replaced = (text: string): string => text.replaceAll('\0', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd');

/** A path that can itself be shown and logged. */
const named = (path: readonly string[]): string => path.map(replaced).join('.').slice(0, 512);
