import type { IncomingHttpHeaders } from 'node:http';
import type { RequestPatch } from '#auth';

/** Headers as undici takes them fastest: names and values in turns. */
export type HeaderList = string[];

/** What a credential adds to this very request: with some it depends on what is asked. */
export function patchFor(patch: RequestPatch, method: string, path: string): RequestPatch {
  return patch.forRequest ? patch.forRequest({ method, path }) : patch;
}

/** Tells the credential what the answer to a request with it sets for the next one: cookies, and the nonce of proofs. */
export function passCookies(patch: RequestPatch, headers: IncomingHttpHeaders, path: string): void {
  const { 'set-cookie': fields } = headers;
  if (patch.onSetCookie && fields) patch.onSetCookie(Array.isArray(fields) ? fields : [fields], path);
  const nonce = patch.onNonce && headers['dpop-nonce'];
  if (typeof nonce === 'string') patch.onNonce!(nonce);
}

/**
 * Puts a credential on a request: headers, cookies and query members replace those of the same name, cookies join the
 * others, query members are appended. Comes last, so that nothing a caller or a specification says can override it.
 */
export function applyPatch(
  path: string,
  headers: Readonly<Record<string, string>>,
  patch: RequestPatch,
): [path: string, headers: HeaderList] {
  const all: Record<string, string> = { ...headers, ...patch.headers };
  if (patch.cookies) {
    const { cookies } = patch;
    const others = (all['cookie'] ?? '')
      .split(/;\s*/)
      .filter((pair) => pair && !Object.hasOwn(cookies, cookieName(pair)));
    const own = Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
    all['cookie'] = [...others, ...own].join('; ');
  }
  const list: HeaderList = [];
  for (const name in all) list.push(name, all[name]!);
  if (!patch.query) return [path, list];
  return [withQuery(path, patch.query), list];
}

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const mark = path.indexOf('?');
  const [bare, asked] = mark < 0 ? [path, ''] : [path.slice(0, mark), path.slice(mark + 1)];
  const others = asked.split('&').filter((member) => member && !Object.hasOwn(query, memberName(member)));
  return `${bare}?${[...others, new URLSearchParams(query).toString()].join('&')}`;
}

const cookieName = (pair: string): string => pair.split('=', 1)[0]!.trim();
/** As a server reads it: percent-encoding and `+` decoded. */
const memberName = (member: string): string => new URLSearchParams(member).keys().next().value ?? '';

/** Static headers of a configuration, under lower-case names. */
export function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Those inbound headers that a member's configuration lists. */
export function forwarded(names: readonly string[], inbound: IncomingHttpHeaders): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of names) {
    const value = inbound[name.toLowerCase()];
    if (typeof value === 'string') passed[name.toLowerCase()] = value;
  }
  return passed;
}
