import { type EgressFetch, type EgressHttp, egressFetch } from '#egress';
import { isObject } from '#kernel';
import { type IssuerReply, askIssuer } from '../../issuers/issuer-answer.js';
import { type IssuerAnswer, retryAfterOf } from './token-failure.js';

/** A way to an issuer that remembers how it answered last: libraries tell it in a dozen ways, or not at all. */
export interface IssuerFetch {
  readonly fetch: EgressFetch;
  last(): IssuerAnswer | undefined;
  /** The last answer, if it was a JSON object. */
  json(): Record<string, unknown> | undefined;
}

export interface IssuerFetchOptions {
  /** For each request. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** The answers are those of a token endpoint. */
  readonly tokens?: boolean;
}

/** RFC 6749, 5.2: no more of an issuer's text than this ever gets into an error. */
const WORD = /^[a-z][a-z0-9_]{0,63}$/;

/** Rejects with `IssuerUnavailableError` if there is no whole answer. */
export function issuerFetch(http: EgressHttp, { tokens = false, ...options }: IssuerFetchOptions = {}): IssuerFetch {
  let reply: IssuerReply | undefined;
  const send = egressFetch({ request: async (request) => (reply = await askIssuer(http, request)) }, options);
  let last: IssuerAnswer | undefined;
  let body: unknown;
  return {
    last: () => last,
    json: () => (isObject(body) ? body : undefined),
    async fetch(url, init) {
      last = body = undefined;
      const response = await send(url, init);
      const { status, headers } = response;
      const retryAfter = retryAfterOf(headers.get('retry-after'), Date.now());
      body = await jsonOf(response);
      const error = isObject(body) ? body['error'] : undefined;
      const isWord = typeof error === 'string' && WORD.test(error) && !reply?.isEcho(error);
      const nonce = headers.get('dpop-nonce');
      last = {
        status,
        ...(isWord ? { error } : {}),
        ...(retryAfter === undefined ? {} : { retryAfter }),
        ...(nonce === null ? {} : { nonce }),
      };
      if (!tokens || status !== 200 || !isObject(body)) return response;
      return new Response(JSON.stringify(readable(body)), { status, headers: { 'content-type': 'application/json' } });
    },
  };
}

/**
 * The answer without what the composer does not read and without what issuers get wrong: identity tokens, which would be
 * verified for nothing; nulls in place of absent members; a missing `token_type`, which everybody takes for `Bearer`.
 */
function readable(body: Record<string, unknown>): Record<string, unknown> {
  const { id_token: _unread, ...rest } = body;
  const present = Object.entries(rest).filter(([, value]) => value !== null && value !== '');
  return { token_type: 'Bearer', ...Object.fromEntries(present) };
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.clone().json();
  } catch {
    return undefined;
  }
}
