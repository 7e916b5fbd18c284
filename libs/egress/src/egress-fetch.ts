import type { EgressHttp } from './egress-http.js';

const MAX_BYTES = 64 * 1024;
const TIMEOUT_MS = 5_000;
/** RFC 9110, 15: answers that have no body, which `Response` refuses to be given one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
/** What the libraries read: how to take the body, how long it holds, when to come back, what was missing, or is next. */
const KEPT = ['content-type', 'cache-control', 'expires', 'retry-after', 'www-authenticate', 'dpop-nonce'] as const;

export type EgressFetch = (url: string | URL | Request, options?: RequestInit) => Promise<Response>;

export interface EgressFetchOptions {
  /** Milliseconds for one request; 5 000 unless given. */
  readonly timeoutMs?: number;
  /** Stops whatever is under way. */
  readonly signal?: AbortSignal;
}

/**
 * `fetch` for a library that wants one: metadata, documents and keys of clients, token endpoints. Goes through the guard,
 * reads 64 KiB at most, follows nothing. Rejects as `EgressHttp.request` does.
 */
export function egressFetch(
  http: Pick<EgressHttp, 'request'>,
  { timeoutMs = TIMEOUT_MS, signal: whole }: EgressFetchOptions = {},
): EgressFetch {
  return async (url, { method = 'GET', headers, body, signal: own } = {}) => {
    const signals = [whole, own].filter((signal) => signal instanceof AbortSignal);
    const answer = await http.request({
      method,
      url: url instanceof Request ? url.url : url,
      headers: { accept: 'application/json', ...Object.fromEntries(new Headers(headers)) },
      ...(typeof body === 'string' || body instanceof URLSearchParams ? { body: body.toString() } : {}),
      ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}),
      timeoutMs,
      maxBytes: MAX_BYTES,
    });
    const kept = new Headers();
    for (const name of KEPT) {
      const value = answer.headers[name];
      if (typeof value === 'string') kept.set(name, value);
    }
    // An informational or otherwise odd status is no answer that anybody waits for.
    const status = answer.status >= 200 && answer.status <= 599 ? answer.status : 502;
    return new Response(BODILESS.has(status) ? null : new Uint8Array(answer.body), { status, headers: kept });
  };
}
