import { isObject } from '#kernel';
import type { Log } from '#observability';
import { MemberProtocolError } from '../builder.errors.js';
import { TooDeepError } from '../json-rpc/json-rpc.errors.js';
import { type Span, scanList, scanObject } from '../json-rpc/json-scan.js';
import type { CacheHint, Offered } from '../member-offer.js';
import type { TimeLimit } from '../wire/time-limit.js';
import { isPromptDefinition, isResourceDefinition, isTemplateDefinition, isToolDefinition } from './definitions.js';
import type { MemberSource } from './member-link.js';

const MAX_PAGES = 100;
const MAX_ENTRIES = 10_000;
/** Of all lists of a member. */
const MAX_BYTES = 20 * 1024 * 1024;
/** Of entries that are left out, in the log. */
const MAX_NAMED = 20;

/** How a list is asked for, and what an entry has to be. */
const LISTS: Readonly<Record<Offered, { readonly method: string; readonly isEntry: (entry: unknown) => boolean }>> = {
  tools: { method: 'tools/list', isEntry: isToolDefinition },
  prompts: { method: 'prompts/list', isEntry: isPromptDefinition },
  resources: { method: 'resources/list', isEntry: isResourceDefinition },
  resourceTemplates: { method: 'resources/templates/list', isEntry: isTemplateDefinition },
};

export interface FetchedList {
  readonly entries: readonly string[];
  readonly hint?: CacheHint;
}

/** What the fetching of all lists of a member shares. */
export interface Fetching {
  readonly source: MemberSource;
  readonly limit: TimeLimit;
  readonly log: Log;
  /** Bytes of entries so far. */
  bytes: number;
}

/**
 * All entries of one list of a member, each as the JSON text that it gave: fields that nobody here knows stay as they
 * are. An entry that would make clients refuse the whole list is left out, and the log says so.
 */
export async function fetchList(list: Offered, fetching: Fetching): Promise<FetchedList> {
  const { source, limit, log } = fetching;
  const { method } = LISTS[list];
  const entries: string[] = [];
  const refused: string[] = [];
  let hint: CacheHint | undefined;
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { result, raw } = await source.ask(method, cursor === undefined ? {} : { cursor }, limit);
    hint = stricter(hint, hintIn(result));
    for (const text of textsIn(raw, result, { list, refused })) {
      fetching.bytes += text.length;
      if (entries.length >= MAX_ENTRIES || fetching.bytes > MAX_BYTES) {
        throw new MemberProtocolError(`it offers more than ${MAX_ENTRIES} ${list} or ${MAX_BYTES} bytes of them`);
      }
      entries.push(text);
    }
    const next = result['nextCursor'];
    if (next === undefined || next === null || next === cursor) {
      if (refused.length > 0) {
        log.warn(`${list} of a member are left out because their definitions are malformed`, {
          count: refused.length,
          [list]: refused.slice(0, MAX_NAMED),
        });
      }
      return { entries, ...(hint ? { hint } : {}) };
    }
    cursor = next;
  }
  throw new MemberProtocolError(`its list of ${list} has more than ${MAX_PAGES} pages`);
}

function textsIn(
  raw: Buffer,
  result: Record<string, unknown>,
  { list, refused }: { readonly list: Offered; readonly refused: string[] },
): string[] {
  const { method, isEntry } = LISTS[list];
  const entries = result[list];
  if (!Array.isArray(entries)) throw new MemberProtocolError(`its answer to ${method} has no ${list}`);
  return placesIn(raw, list, method).flatMap(({ start, end }, index) => {
    const entry: unknown = entries[index];
    if (isEntry(entry)) return [raw.toString('utf8', start, end)];
    if (refused.length < MAX_ENTRIES) refused.push(nameOf(entry).slice(0, 64));
    return [];
  });
}

function nameOf(entry: unknown): string {
  const name = isObject(entry) ? entry['name'] : entry;
  return typeof name === 'string' ? name : (JSON.stringify(name) ?? 'nameless');
}

/** Where the entries stand. Nesting that no message may have is a fault of the member's, as in its answers to callers. */
function placesIn(raw: Buffer, list: Offered, method: string): readonly Span[] {
  try {
    const place = memberAt(raw, memberAt(raw, { start: 0, end: raw.length }, 'result'), list);
    return scanList(raw, place.start);
  } catch (error) {
    if (!(error instanceof TooDeepError)) throw error;
    throw new MemberProtocolError(`its answer to ${method} cannot be read: it ${error.message}`, error);
  }
}

/** 2026-07-28, caching: both are there together, or the member knows nothing of them. */
function hintIn({ ttlMs, cacheScope }: Record<string, unknown>): CacheHint | undefined {
  if (typeof ttlMs !== 'number' && typeof cacheScope !== 'string') return undefined;
  const isUsable = typeof ttlMs === 'number' && ttlMs >= 0;
  return { ttlMs: isUsable ? Math.floor(ttlMs) : 0, cacheScope: cacheScope === 'public' ? 'public' : 'private' };
}

function stricter(one: CacheHint | undefined, other: CacheHint | undefined): CacheHint | undefined {
  if (!one || !other) return one ?? other;
  const isPublic = one.cacheScope === 'public' && other.cacheScope === 'public';
  return { ttlMs: Math.min(one.ttlMs, other.ttlMs), cacheScope: isPublic ? 'public' : 'private' };
}

function memberAt(raw: Buffer, object: Span, key: string): Span {
  let found: Span | undefined;
  scanObject(raw, object.start, (name, span) => {
    if (name === key) found = span;
  });
  if (!found) throw new MemberProtocolError(`its answer has no ${key}`);
  return found;
}
