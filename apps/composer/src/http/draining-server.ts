import { type RequestListener, Server, type ServerOptions } from 'node:http';

export interface DrainOptions extends ServerOptions {
  /** Milliseconds that requests under way are given when the server closes. */
  readonly drainTimeout: number;
}

/**
 * A server whose `close` ends: requests under way are finished, within a bound, and no connection outlives the last
 * of them. Node's own `close` waits for connections that are open but have not asked anything yet, or whose answer
 * is just being sent, for as long as the client likes.
 */
export class DrainingServer extends Server {
  private readonly drainTimeout: number;
  private underWay = 0;
  private isClosing = false;

  constructor({ drainTimeout, ...options }: DrainOptions, listener: RequestListener) {
    super(options, listener);
    this.drainTimeout = drainTimeout;
    this.prependListener('request', (_request, response) => {
      this.underWay += 1;
      response.once('close', () => {
        this.underWay -= 1;
        this.endIfDrained();
      });
    });
  }

  override close(callback?: (error?: Error) => void): this {
    super.close(callback);
    if (this.isClosing) return this;
    this.isClosing = true;
    this.endIfDrained();
    const cut = setTimeout(() => this.closeAllConnections(), this.drainTimeout);
    this.once('close', () => clearTimeout(cut));
    return this;
  }

  private endIfDrained(): void {
    if (this.isClosing && this.underWay === 0) this.closeAllConnections();
  }
}
