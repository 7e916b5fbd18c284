import { UnsupportedOperationError } from './openapi.errors.js';
import { pathValueFault } from './path-value.js';

const MAX_PATH_LENGTH = 512;

/** A key of `paths`, taken apart. */
export interface PathTemplate {
  /** What stands before any query and fragment; `{names}` are parameters. */
  readonly path: string;
  /** `name=value` pairs that every request has, as the document writes them. */
  readonly query: string;
  /** Parameters of the path that really stand in its query (`?from={from}`), and their names there. */
  readonly inQuery: ReadonlyMap<string, string>;
}

/**
 * Reads a key of `paths`. By the specification it is a path alone, but documents that need two operations of one
 * method and path tell them apart by a query or a fragment. A query is sent; a fragment never is (RFC 3986, 3.5).
 *
 * @throws UnsupportedOperationError if it cannot be put behind an endpoint; by the same rules as for values in it
 */
export function readPathTemplate(key: string): PathTemplate {
  if (!key.startsWith('/') || key.startsWith('//')) throw refused('the path does not start with one slash');
  if (key.length > MAX_PATH_LENGTH) throw refused(`the path is longer than ${MAX_PATH_LENGTH} characters`);
  const [, path = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(key) ?? [];
  // A fragment with a slash is the rest of a path behind a place holder of the author's.
  if (/[/{}]/.test(fragment)) throw refused('the path holds a fragment that goes on like a path');
  checkPath(path);
  return { path, ...readQuery(query) };
}

function checkPath(path: string): void {
  // The URL parser is the judge of what moves a path: dots in any spelling, back slashes, tabs and the like.
  const plain = path.replace(/\{[^{}/]*\}/g, 'x');
  const url = URL.canParse(plain, 'http://host') ? new URL(plain, 'http://host') : undefined;
  const isMoved = url?.host !== 'host' || url.pathname.split('/').length !== path.split('/').length;
  if (isMoved || /[\\\s]|%(5c|00)/i.test(plain) || plain.split('/').some(isStepWithin)) {
    throw refused('the path holds a dot segment or a character that no path may hold');
  }
}

/**
 * Whether a segment with encoded slashes would be another path to somebody who decodes it. Alone they are fine: the author
 * means a name that has slashes (`group%2Fproject`).
 */
function isStepWithin(segment: string): boolean {
  const parts = segment.split(/%2f/i);
  return parts.length > 1 && parts.some((part) => part === '' || pathValueFault(part) !== undefined);
}

function readQuery(query: string): Omit<PathTemplate, 'path'> {
  const fixed: string[] = [];
  const inQuery = new Map<string, string>();
  for (const pair of query.split('&').filter((part) => part !== '')) {
    const [, name = '', parameter] = /^([^={}]+)=\{([^{}]+)\}$/.exec(pair) ?? [];
    if (parameter !== undefined) inQuery.set(parameter, decoded(name));
    else if (PLAIN_PAIR.test(pair)) fixed.push(pair);
    else throw refused('the path holds a query that is more than names and values');
  }
  return { query: fixed.join('&'), inQuery };
}

/** What a query may hold without being changed by anybody on the way (RFC 3986, 3.4), but for quotes. */
const PLAIN_PAIR = /^(?:[\w\-.~!$()*+,;=:@/]|%[0-9a-f]{2})+$/i;

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const refused = (reason: string): UnsupportedOperationError => new UnsupportedOperationError(reason);
