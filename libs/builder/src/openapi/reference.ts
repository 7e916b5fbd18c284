import { textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { UnsupportedOperationError } from './openapi.errors.js';

/** References that may stand one behind another before the chain counts as endless. */
const MAX_HOPS = 32;

/** What a reference chain ends at, and the pointer of that place, which names it within the document. */
export interface Target {
  readonly pointer: string;
  readonly value: unknown;
}

/**
 * Follows `value` while it is a reference object. Only `#/…` is followed (RFC 6901 in a URI fragment), which names have
 * become by now (`resolveNames`): nothing is ever fetched or read from disk on behalf of a document.
 *
 * @throws UnsupportedOperationError the reference leaves the document, points at nothing, or turns in a circle
 */
export function dereference(document: OpenApiDocument, value: unknown): unknown {
  const ref = textOf(value, '$ref');
  return ref === undefined ? value : follow(document, ref, () => true).value;
}

/**
 * The schema that `ref` stands for; throws as `dereference`. Since 3.1 a schema may say more next to its own
 * reference: such a place is a schema by itself, and the chain ends there.
 */
export function findSchema(document: OpenApiDocument, ref: string): Target {
  return follow(document, ref, (value) => document.version === '3.0' || Object.keys(value).length === 1);
}

function follow({ root }: OpenApiDocument, ref: string, isTransparent: (value: object) => boolean): Target {
  let pointer = ref;
  for (let hops = 0; hops < MAX_HOPS; hops++) {
    const value = lookUp(root, pointer);
    const next = textOf(value, '$ref');
    if (next === undefined || !isTransparent(value as object)) return { pointer, value };
    pointer = next;
  }
  throw new UnsupportedOperationError(`the reference ${shown(ref)} turns in a circle`);
}

function lookUp(root: unknown, ref: string): unknown {
  const place = ref.startsWith('#/') ? placeAt(root, ref) : undefined;
  if (place) return place.value;
  throw new UnsupportedOperationError(`the reference ${shown(ref)} ${faultOf(ref)}`);
}

// Names were resolved when the document was read.
function faultOf(ref: string): string {
  if (ref.startsWith('#/')) return 'points at nothing';
  if (ref === '' || ref === '#') return 'stands for the whole document, which is not supported';
  return ref.startsWith('#') ? 'names no place of the document, or more than one' : 'leaves the document';
}

/** What stands at a pointer, `#/…`; undefined if there is nothing. */
export function placeAt(root: unknown, pointer: string): { readonly value: unknown } | undefined {
  let value = root;
  for (const segment of pointer.slice(2).split('/')) {
    const key = unescaped(segment);
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return { value };
}

function unescaped(segment: string): string {
  const pointer = segment.includes('%') ? percentDecoded(segment) : segment;
  return pointer.replaceAll('~1', '/').replaceAll('~0', '~');
}

function percentDecoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

// References may be URLs with secrets in their query, and reasons end up in answers and logs.
const shown = (ref: string): string => `"${ref.replace(/\?[^#]*/, '?…').slice(0, 120)}"`;
