import { isObject, parseUrl } from '#kernel';
import { listOf, memberOf, objectOf, textOf } from './json-reader.js';

const MAX_SERVERS = 20;
const MAX_URL = 2_048;
/** What the path of a server may hold; not the escapes that could hide a separator. */
const PLAIN_PATH = /^(?:[\w\-.~!$&'()*+,;=:@/]|%(?!2f|5c|00)[0-9a-f]{2})*$/i;

/**
 * The path that the servers of an operation, or of its path item, put in place of the endpoint's: they count where they
 * are relative to the host, or of the endpoint's very origin. The document's own servers do not: the member's endpoint
 * stands for them. Nothing but a path is ever taken, so that no document leads a credential to another host.
 *
 * @param notes told of servers that are ignored
 */
export function ownBasePath(
  place: { readonly item: unknown; readonly operation: unknown },
  endpoint: URL | undefined,
  notes: string[],
): string | undefined {
  const servers = [place.operation, place.item].map((at) => listOf(at, 'servers')).find(({ length }) => length > 0);
  if (!servers) return undefined;
  const path = servers
    .slice(0, MAX_SERVERS)
    .map((server) => pathOf(server, endpoint))
    .find((one) => one !== undefined);
  if (path === undefined) notes.push("its own servers are ignored; the member's endpoint is called");
  return path;
}

function pathOf(server: unknown, endpoint: URL | undefined): string | undefined {
  const text = filled(server);
  if (text === undefined || text.length > MAX_URL) return undefined;
  const isRelative = /^\/(?![/\\])/.test(text);
  const base = isRelative ? 'http://host' : undefined;
  const url = base ? parseUrl(base + text) : parseUrl(text);
  const isHere = isRelative ? url?.origin === base : endpoint !== undefined && url?.origin === endpoint.origin;
  if (!url || !isHere || url.search || url.hash || !PLAIN_PATH.test(url.pathname)) return undefined;
  return url.pathname.replace(/\/+$/, '') || '/';
}

// OpenAPI 3.1.1, 4.8.6: every variable has a default. One that has none is nobody's to guess.
function filled(server: unknown): string | undefined {
  let isComplete = true;
  const text = textOf(server, 'url')?.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const value = memberOf(objectOf(objectOf(server, 'variables'), name), 'default');
    isComplete &&= typeof value === 'string' || typeof value === 'number';
    return isComplete ? String(value) : '';
  });
  return isObject(server) && isComplete ? text : undefined;
}
