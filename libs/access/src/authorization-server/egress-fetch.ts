import type { EgressHttp } from '#egress';

const MAX_BYTES = 64 * 1024;
const TIMEOUT_MS = 5_000;
/** RFC 9110, 15: answers that have no body, which `Response` refuses to be given one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

type Fetch = (url: string | URL | Request, options?: RequestInit) => Promise<Response>;

/**
 * `fetch` for a library that wants one: documents of clients, key sets of clients. Goes through the guard, reads little,
 * follows nothing.
 */
export function egressFetch(http: Pick<EgressHttp, 'request'>): Fetch {
  return async (url, { method = 'GET', headers, body } = {}) => {
    const answer = await http.request({
      method,
      url: url instanceof Request ? url.url : url,
      headers: { accept: 'application/json', ...Object.fromEntries(new Headers(headers)) },
      ...(typeof body === 'string' ? { body } : {}),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
    });
    const kept = new Headers();
    for (const name of ['content-type', 'cache-control', 'expires']) {
      const value = answer.headers[name];
      if (typeof value === 'string') kept.set(name, value);
    }
    // An informational or otherwise odd status is no answer that anybody waits for.
    const status = answer.status >= 200 && answer.status <= 599 ? answer.status : 502;
    return new Response(BODILESS.has(status) ? null : new Uint8Array(answer.body), { status, headers: kept });
  };
}
