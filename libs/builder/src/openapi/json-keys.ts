import { endOfJsonString } from '#kernel';
import type { RepeatedKeys } from './repeated-keys.js';

/** Where paths, operations, schemas and definitions stand; deeper ones are not worth the memory. */
const LEVELS = 3;

interface OpenContainer {
  /** Undefined: a list. */
  readonly keys: Set<string> | undefined;
  wantsKey: boolean;
  /** Of the member that is being read. */
  key: string;
}

/**
 * Tells which keys stand twice in the maps of the first three levels, of which `JSON.parse` says nothing. One pass over
 * the text, no recursion.
 *
 * @param text well-formed JSON
 */
export function noteRepeatedKeys(text: string, repeated: RepeatedKeys): void {
  const open: OpenContainer[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Further down only brackets and strings count.
    const inner = depth === open.length ? open.at(-1) : undefined;
    if (code === QUOTE) {
      const end = endOfJsonString(text, at);
      if (inner?.wantsKey) take(inner, text.slice(at, end + 1), { open, repeated });
      at = end;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      const isObject = code === OPEN_OBJECT;
      if (++depth <= LEVELS) open.push({ keys: isObject ? new Set() : undefined, wantsKey: isObject, key: '' });
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      if (open.length > --depth) open.pop();
    } else if (code === COMMA && inner) inner.wantsKey = inner.keys !== undefined;
  }
}

function take(
  inner: OpenContainer,
  literal: string,
  { open, repeated }: { open: readonly OpenContainer[]; repeated: RepeatedKeys },
): void {
  inner.wantsKey = false;
  inner.key = JSON.parse(literal) as string;
  if (inner.keys?.has(inner.key)) repeated.note(open.map(({ key }) => key));
  inner.keys?.add(inner.key);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
