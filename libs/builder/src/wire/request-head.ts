import type { IncomingHttpHeaders } from 'node:http';
import type { RequestPatch } from '#auth';

/** Headers as undici takes them fastest: names and values in turns. */
export type HeaderList = string[];

/**
 * Puts a credential on a request: headers replace what stands there, cookies join the others, query members are
 * appended. Comes last, so that nothing a caller or a specification says can override it.
 */
export function applyPatch(
  path: string,
  headers: Readonly<Record<string, string>>,
  patch: RequestPatch,
): [path: string, headers: HeaderList] {
  const all: Record<string, string> = { ...headers, ...patch.headers };
  if (patch.cookies) {
    const own = Object.entries(patch.cookies).map(([name, value]) => `${name}=${value}`);
    all['cookie'] = [...(all['cookie'] ? [all['cookie']] : []), ...own].join('; ');
  }
  const list: HeaderList = [];
  for (const name in all) list.push(name, all[name]!);
  if (!patch.query) return [path, list];
  const query = new URLSearchParams(patch.query as Record<string, string>).toString();
  return [`${path}${path.includes('?') ? '&' : '?'}${query}`, list];
}

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
