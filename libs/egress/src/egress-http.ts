import type { IncomingMessage } from 'node:http';
import { HttpService } from '@nestjs/axios';
import { Injectable } from '@nestjs/common';
import type { AxiosRequestConfig, AxiosResponse } from 'axios';
import { firstValueFrom } from 'rxjs';
import { AnswerBody } from './answer-body.js';
import type { EgressAnswer } from './buffered-exchange.js';
import { EgressGuard } from './egress-guard.js';
import { EgressDeniedError, EgressTimeoutError, EgressTooLargeError } from './egress.errors.js';
import type { GuardedAgents } from './guarded-agents.js';
import { type OutgoingHeaders, outgoingHeaders } from './outgoing-headers.js';
import { wireFault } from './wire-fault.js';

export interface HttpRequest {
  readonly method: string;
  readonly url: string | URL;
  readonly headers?: OutgoingHeaders;
  readonly body?: string | Buffer;
  /** Stops the call; `request` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds for everything, redirects included; 10 000 unless given, 30 000 at most. */
  readonly timeoutMs?: number;
  /** Bound of the decoded body; 5 MiB unless given. */
  readonly maxBytes?: number;
  /** How many redirects of a GET or HEAD to follow, 0 to 3; 0 unless given. */
  readonly redirects?: number;
}

export interface HttpAnswer extends EgressAnswer {
  /** Where the answer came from, after redirects. */
  readonly url: string;
}

interface Hop {
  readonly url: URL;
  readonly headers: Record<string, string | string[]>;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 5 * 1024 * 1024;
const MAX_REQUEST_BYTES = 10 * 1024 * 1024;
const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What a redirect may carry to another origin. `X-API-Key` and its kin must not, so this is a list of the harmless. */
const HARMLESS: ReadonlySet<string> = new Set(['accept', 'accept-encoding', 'accept-language', 'user-agent']);

/** How axios is set up: it only puts one request on a guarded connection; everything else is decided here. */
export function axiosSettings(agents: GuardedAgents): AxiosRequestConfig {
  return {
    httpAgent: agents.http,
    httpsAgent: agents.https,
    proxy: false,
    maxRedirects: 0,
    decompress: false,
    maxContentLength: -1,
    maxBodyLength: MAX_REQUEST_BYTES,
    validateStatus: () => true,
    transformRequest: [(data: unknown) => data],
    transformResponse: [(data: unknown) => data],
  };
}

/**
 * HTTP for the control plane: specifications, metadata, token endpoints, logins. Convenient rather than fast; tool
 * calls go through `EgressPools`.
 */
@Injectable()
export class EgressHttp {
  constructor(
    private readonly guard: EgressGuard,
    private readonly http: HttpService,
  ) {}

  /**
   * One request, one answer in memory. Never throws on an HTTP status; a redirect that is not followed is the answer.
   * Each hop is judged from the start. To another origin it carries neither credentials nor headers of one's own, and
   * it never goes from https to http.
   * @throws EgressDeniedError, EgressUnreachableError, EgressTimeoutError, EgressTooLargeError, EgressBadAnswerError,
   * EgressRequestError
   */
  async request(ask: HttpRequest): Promise<HttpAnswer> {
    const first = { url: this.guard.judge(ask.url), headers: outgoingHeaders(ask.headers ?? {}) };
    ask.signal?.throwIfAborted();

    const timeoutMs = Math.min(ask.timeoutMs ?? DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS);
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(ask.signal?.reason);
    const timer = setTimeout(() => {
      stop.abort(new EgressTimeoutError(`the call took more than ${timeoutMs} ms`, false));
    }, timeoutMs);
    ask.signal?.addEventListener('abort', onAbort);
    try {
      return await this.follow(ask, first, stop.signal);
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : wireFault(error, false);
    } finally {
      clearTimeout(timer);
      ask.signal?.removeEventListener('abort', onAbort);
    }
  }

  private async follow(ask: HttpRequest, first: Hop, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, maxBytes = DEFAULT_MAX_BYTES } = ask;
    const isSafe = method === 'GET' || method === 'HEAD';
    let left = isSafe ? Math.min(ask.redirects ?? 0, MAX_REDIRECTS) : 0;
    for (let hop = first; ; left -= 1) {
      const answer = await this.send(ask, hop, signal);
      const next = left > 0 ? this.redirect(answer, hop) : undefined;
      if (next === undefined) {
        const headers = headersOf(answer);
        const body = await collect(answer, { isBodiless: method === 'HEAD', maxBytes, signal });
        return { status: answer.status, headers, body, url: hop.url.href };
      }
      hop = next;
    }
  }

  private async send(
    ask: HttpRequest,
    { url, headers }: Hop,
    signal: AbortSignal,
  ): Promise<AxiosResponse<IncomingMessage>> {
    return firstValueFrom(
      this.http.request<IncomingMessage>({
        method: ask.method,
        url: url.href,
        // axios would name a form where the caller names no type.
        headers: { 'content-type': false, ...headers },
        data: ask.body,
        // Not among the settings: HttpService looks for it here, and cuts the stream off where it is missing.
        responseType: 'stream',
        signal,
      }),
    );
  }

  /** Where the answer sends us, judged; `undefined` if it does not. Frees the connection. */
  private redirect(answer: AxiosResponse<IncomingMessage>, { url, headers }: Hop): Hop | undefined {
    const { location } = headersOf(answer);
    if (!REDIRECTS.has(answer.status) || typeof location !== 'string') return undefined;
    answer.data.destroy();

    // RFC 9110 section 10.2.2: relative to the address that answered.
    const target = this.guard.judge(location, url);
    if (url.protocol === 'https:' && target.protocol !== 'https:') throw new EgressDeniedError();
    return { url: target, headers: target.origin === url.origin ? headers : harmless(headers) };
  }
}

function harmless(headers: Hop['headers']): Hop['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.has(name)));
}

function headersOf(answer: AxiosResponse<IncomingMessage>): EgressAnswer['headers'] {
  return answer.data.headers;
}

async function collect(
  answer: AxiosResponse<IncomingMessage>,
  { isBodiless, maxBytes, signal }: { isBodiless: boolean; maxBytes: number; signal: AbortSignal },
): Promise<Buffer> {
  const stream = answer.data;
  const headers = headersOf(answer);
  const body = new AnswerBody(String(headers['content-encoding'] ?? ''), maxBytes);
  const onAbort = (): void => body.fail(signal.reason as Error);
  signal.addEventListener('abort', onAbort);
  stream.on('error', (error) => body.fail(wireFault(error, false)));
  stream.on('data', (chunk: Buffer) => body.write(chunk));
  stream.once('end', () => body.end());
  if (!isBodiless && Number(headers['content-length']) > maxBytes) body.fail(new EgressTooLargeError(maxBytes));
  if (signal.aborted) onAbort();
  try {
    return await body.done;
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
