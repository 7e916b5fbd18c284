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
  /** Requests that wait for a socket. `hasRoom` tells whether another one should. */
  readonly queued: number;
}

const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
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
  /** In front of undici's own line, from which nothing can be taken back. In the order in which they came. */
  private readonly waiting = new Map<DispatchHandler, DispatchOptions>();
  private waitingBytes = 0;
  private isFull = false;

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
    this.pool.on('drain', () => this.sendWaiting());
  }

  /**
   * undici's `dispatch`, bare, for the path of tool calls. The handler gets undici's errors, and `EgressDeniedError`
   * if the connection was not allowed; `wireFault` translates them. The caller keeps deadline and size.
   */
  dispatch(options: DispatchOptions, handler: DispatchHandler): void {
    if (!this.isFull || this.isEnding) return this.send(options, handler);
    this.waiting.set(handler, options);
    this.waitingBytes += sizeOf(options);
  }

  /** Takes back a request that waits for a socket: its handler is told nothing. No effect on any other. */
  withdraw(handler: DispatchHandler): void {
    const options = this.waiting.get(handler);
    if (!options) return;
    this.waiting.delete(handler);
    this.waitingBytes -= sizeOf(options);
  }

  /** False if so many requests wait already, or so large ones, that no other should join them. */
  get hasRoom(): boolean {
    return this.waiting.size < MAX_WAITING && this.waitingBytes < MAX_WAITING_BYTES;
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
    try {
      return await exchange.answer;
    } finally {
      this.withdraw(exchange);
    }
  }

  get load(): PoolLoad {
    const { connected, running, queued } = this.pool.stats;
    return { connected, running, queued: queued + this.waiting.size };
  }

  /** Takes no new requests, waits for those under way, however long, and closes the connections. */
  async close(): Promise<void> {
    this.sendWaiting(true);
    if (!this.pool.closed) await this.pool.close();
    this.onClosed(this);
  }

  /** Breaks off everything under way and closes the connections. */
  async destroy(): Promise<void> {
    const destroyed = this.pool.destroyed ? undefined : this.pool.destroy();
    // undici refuses them now, each with its error.
    this.sendWaiting(true);
    await destroyed;
    this.onClosed(this);
  }

  private get isEnding(): boolean {
    return this.pool.closed || this.pool.destroyed;
  }

  private send(options: DispatchOptions, handler: DispatchHandler): void {
    // False also when the pool refuses the request; it sends no drain event then.
    this.isFull = !this.pool.dispatch(options, handler) && !this.isEnding;
  }

  /** @param all of them, rather than as many as there are free sockets */
  private sendWaiting(all = false): void {
    this.isFull = false;
    for (const [handler, options] of this.waiting) {
      if (this.isFull && !all) return;
      this.withdraw(handler);
      this.send(options, handler);
    }
  }
}

const sizeOf = ({ body }: DispatchOptions): number =>
  typeof body === 'string' || Buffer.isBuffer(body) ? body.length : 0;
