import type { IncomingHttpHeaders } from 'node:http';

/** The cookie of a browser's session: with this prefix no other host, and no plain http, can have set it. */
const SESSION = /(?:^|;\s*)__Host-mcpc_session=([\w.-]{1,4096})(?:;|$)/;
/** Where there is no TLS: on this machine. */
const LOCAL_SESSION = /(?:^|;\s*)mcpc_session=([\w.-]{1,4096})(?:;|$)/;
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;
/** Fetch Metadata: asked by a page of ours, or by a person who has typed the address, which never sends anything. */
const OUR_OWN = ['same-origin', 'none'];

/**
 * The session that a browser presents by its cookie, if the request is ours: browsers send cookies along with what other
 * pages ask, and say which page it was. One that does not say is not believed.
 */
export function presentedSession({ cookie, host, 'sec-fetch-site': site }: IncomingHttpHeaders): string | undefined {
  if (typeof site !== 'string' || !OUR_OWN.includes(site)) return undefined;
  return carriedSession({ cookie, host });
}

/**
 * The session of a browser, whatever page has sent it here. For pages that do nothing but ask, and for what is done only
 * with a proof besides that no other page has.
 */
export function carriedSession({ cookie, host }: Pick<IncomingHttpHeaders, 'cookie' | 'host'>): string | undefined {
  if (cookie === undefined) return undefined;
  return (SESSION.exec(cookie) ?? (LOOPBACK.test(host ?? '') ? LOCAL_SESSION.exec(cookie) : null))?.[1];
}
