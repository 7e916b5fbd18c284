import type { Dispatcher } from 'undici';
import { AnswerBody } from './answer-body.js';
import { EgressTimeoutError, EgressTooLargeError } from './egress.errors.js';
import { wireFault } from './wire-fault.js';

/** A whole answer in memory. Header names are lower case; a header that came more than once is an array. */
export interface EgressAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Decoded. */
  readonly body: Buffer;
}

export interface ExchangeLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** HEAD: the length that is announced is not that of a body. */
  readonly isBodiless: boolean;
}

type Controller = Dispatcher.DispatchController;

/**
 * One request on a pool whose answer is collected. Settles exactly once, at the deadline at the latest; whatever the
 * cause, a connection that is still busy with it is closed.
 */
export class BufferedExchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<EgressAnswer>;

  private readonly timer: NodeJS.Timeout;
  private controller: Controller | undefined;
  private body: AnswerBody | undefined;
  private failure: Error | undefined;
  private isSettled = false;
  private resolve!: (answer: EgressAnswer) => void;
  private reject!: (error: Error) => void;

  constructor(private readonly limits: ExchangeLimits) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.timer = setTimeout(() => {
      this.fail(new EgressTimeoutError(`the call took more than ${limits.timeoutMs} ms`, this.isUnsent));
    }, limits.timeoutMs);
    limits.signal?.addEventListener('abort', this.onAbort);
  }

  onRequestStart(controller: Controller): void {
    // A request whose caller has gone while it waited for a connection is not written at all.
    if (this.failure) return controller.abort(this.failure);
    this.controller = controller;
  }

  onResponseStart(_: Controller, status: number, headers: EgressAnswer['headers']): void {
    if (status < 200 || this.isSettled) return;
    const { maxBytes, isBodiless } = this.limits;
    if (!isBodiless && Number(headers['content-length']) > maxBytes)
      return this.fail(new EgressTooLargeError(maxBytes));

    this.body = new AnswerBody(String(headers['content-encoding'] ?? ''), maxBytes);
    this.body.done.then(
      (body) => this.settle(() => this.resolve({ status, headers, body })),
      (error: Error) => this.fail(error),
    );
  }

  onResponseData(_: Controller, chunk: Buffer): void {
    this.body?.write(chunk);
  }

  onResponseEnd(): void {
    this.controller = undefined;
    this.body?.end();
  }

  onResponseError(_: Controller, error: Error): void {
    this.fail(wireFault(error, this.isUnsent));
  }

  private get isUnsent(): boolean {
    return this.controller === undefined && this.body === undefined;
  }

  private readonly onAbort = (): void => {
    this.fail(this.limits.signal?.reason as Error);
  };

  private fail(error: Error): void {
    if (this.isSettled) return;
    this.failure = error;
    this.settle(() => this.reject(error));
    this.body?.fail(error);
    this.controller?.abort(error);
  }

  private settle(act: () => void): void {
    if (this.isSettled) return;
    this.isSettled = true;
    clearTimeout(this.timer);
    this.limits.signal?.removeEventListener('abort', this.onAbort);
    act();
  }
}
