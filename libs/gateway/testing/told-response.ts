import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';

/** A response that remembers what it was told, on a connection that a test closes by emitting `close`. */
export class ToldResponse extends EventEmitter {
  status = 0;
  headers: readonly string[] = [];
  body = '';
  writableFinished = false;
  writableLength = 0;

  /** For those that write to it. */
  get asServerResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  writeHead(status: number, headers: readonly string[]): void {
    [this.status, this.headers] = [status, headers];
  }
  write(part: Buffer | string): boolean {
    this.body += part.toString();
    return true;
  }
  end(part: Buffer | string = ''): void {
    this.write(part);
    this.writableFinished = true;
    this.emit('close');
  }
  cork(): void {
    // One write or many: all the same here.
  }
  uncork(): void {
    // As above.
  }
  flushHeaders(): void {
    // Nothing waits.
  }
}
