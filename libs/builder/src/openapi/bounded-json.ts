import { type Json, endOfJsonString, isObject } from '#kernel';

export interface JsonLimits {
  /** Containers inside one another, the outermost counted. */
  readonly maxDepth: number;
  /** Values of every kind, counted as often as they are reached. */
  readonly maxNodes: number;
}

export type Bounded = { readonly value: Json } | { readonly excess: keyof JsonLimits };

type Container = Json[] | Record<string, Json>;

/**
 * Whether JSON text nests deeper than `maxDepth`. Looks at brackets outside strings and nothing else, so that it can
 * stand before any parser. One pass over the text, no recursion.
 */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfJsonString(text, at);
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > maxDepth) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return false;
}

const QUOTE = 0x22;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Copies a value into plain JSON that nobody else holds. Keys that change an object's prototype when they are copied
 * on (`__proto__`; `constructor` with a `prototype` inside) are left out, members that JSON cannot express become
 * `null` or vanish as with `JSON.stringify`, and what is shared or cyclic is unrolled until a limit ends it.
 */
export function plainCopy(value: unknown, { maxDepth, maxNodes }: JsonLimits): Bounded {
  const box: Json[] = [];
  const pending: { from: unknown[] | Record<string, unknown>; to: Container; depth: number }[] = [
    { from: [value], to: box, depth: 0 },
  ];
  let nodes = 0;
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { from, to, depth } = next;
    if (depth > maxDepth) return { excess: 'maxDepth' };
    for (const key of Object.keys(from)) {
      const member = (from as Record<string, unknown>)[key];
      if (member === undefined || isPoison(key, member)) continue;
      if (++nodes > maxNodes) return { excess: 'maxNodes' };
      if (Array.isArray(member) || isObject(member)) {
        const copy: Container = Array.isArray(member) ? [] : {};
        put(to, key, copy);
        pending.push({ from: member, to: copy, depth: depth + 1 });
      } else put(to, key, scalar(member));
    }
  }
  return { value: box[0] ?? null };
}

function isPoison(key: string, member: unknown): boolean {
  return key === '__proto__' || (key === 'constructor' && isObject(member) && Object.hasOwn(member, 'prototype'));
}

function put(container: Container, key: string, value: Json): void {
  if (Array.isArray(container)) container.push(value);
  else container[key] = value;
}

function scalar(value: unknown): Json {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
