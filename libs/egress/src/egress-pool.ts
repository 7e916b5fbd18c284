import { type Dispatcher, Pool } from 'undici';
import { BufferedExchange, type EgressAnswer } from './buffered-exchange.js';
import type { EgressGuard } from './egress-guard.js';
import { destinationOf } from './egress-guard.js';
import { EgressRequestError } from './egress.errors.js';
import { guardedConnector } from './guarded-connector.js';
import { type OutgoingHeaders, outgoingHeaders } from './outgoing-headers.js';

export type DispatchOptions = Dispatcher.DispatchOptions;
export type DispatchHandler = Dispatcher.DispatchHandler;
export type DispatchController = Dispatcher.DispatchController;

export interface EgressPoolOptions {
  /** Sockets at most; further requests wait in line. 64 unless given. */
  readonly connections?: number;
  /** Milliseconds until the answer's headers; 15 000 unless given. Its clock ticks about once a second. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds of silence in the answer's body; 30 000 unless given. No bound on the whole: a drip passes it. */
  readonly idleTimeoutMs?: number;
}

export interface PoolRequest {
  readonly method: string;
  /** Path and query, starting with a slash. */
  readonly path: string;
  readonly headers?: OutgoingHeaders;
  readonly body?: string | Buffer;
  /** Stops the call; `request` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds for everything, waiting in line included; 60 000 unless given, 300 000 at most. */
  readonly timeoutMs?: number;
  /** Bound of the decoded body; 10 MiB unless given. */
  readonly maxBytes?: number;
}

export interface PoolLoad {
  /** Open sockets. */
  readonly connected: number;
  /** Requests on a socket. */
  readonly running: number;
  /** Requests that wait for a socket. The line has no bound of its own: callers keep theirs. */
  readonly queued: number;
}

const MAX_PATH = 4_096;
const MAX_HEADER_BYTES = 16 * 1024;
const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_TIMEOUT_MS = 300_000;
const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;

/**
 * Keep-alive connections to one origin, each judged when it is opened. Owned by whoever opened it, who calls `close`
 * or `destroy`. Follows no redirects, retries nothing, uses no proxy.
 */
export class EgressPool {
  /** Scheme, host and port. */
  readonly origin: string;
  private readonly pool: Pool;

  constructor(
    guard: EgressGuard,
    url: URL,
    { connections = 64, headersTimeoutMs = 15_000, idleTimeoutMs = 30_000 }: EgressPoolOptions,
    private readonly onClosed: (pool: EgressPool) => void,
  ) {
    this.origin = url.origin;
    this.pool = new Pool(url.origin, {
      connect: guardedConnector(guard, destinationOf(url)!),
      connections,
      pipelining: 1,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: idleTimeoutMs,
      keepAliveTimeout: 10_000,
      keepAliveMaxTimeout: 60_000,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
  }

  /**
   * undici's `dispatch`, bare, for the path of tool calls. The handler gets undici's errors, and `EgressDeniedError`
   * if the connection was not allowed; `wireFault` translates them. The caller keeps deadline and size.
   */
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean {
    return this.pool.dispatch(options, handler);
  }

  /**
   * One request, one answer in memory. Never throws on an HTTP status.
   * @throws EgressDeniedError, EgressUnreachableError, EgressTimeoutError, EgressTooLargeError, EgressBadAnswerError,
   * EgressRequestError
   */
  async request(ask: PoolRequest): Promise<EgressAnswer> {
    const { method, path, body = null, signal, maxBytes = DEFAULT_MAX_BYTES } = ask;
    if (!path.startsWith('/') || path.length > MAX_PATH) {
      throw new EgressRequestError(`the path does not start with a slash or is longer than ${MAX_PATH} characters`);
    }
    const headers = outgoingHeaders(ask.headers ?? {});
    signal?.throwIfAborted();

    const timeoutMs = Math.min(ask.timeoutMs ?? DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS);
    const exchange = new BufferedExchange({ timeoutMs, maxBytes, signal, isBodiless: method === 'HEAD' });
    this.dispatch({ method: method, path, headers, body }, exchange);
    return exchange.answer;
  }

  get load(): PoolLoad {
    const { connected, running, queued } = this.pool.stats;
    return { connected, running, queued };
  }

  /** Takes no new requests, waits for those under way, however long, and closes the connections. */
  async close(): Promise<void> {
    if (!this.pool.closed) await this.pool.close();
    this.onClosed(this);
  }

  /** Breaks off everything under way and closes the connections. */
  async destroy(): Promise<void> {
    if (!this.pool.destroyed) await this.pool.destroy();
    this.onClosed(this);
  }
}
