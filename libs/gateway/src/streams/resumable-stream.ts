import type { ServerResponse } from 'node:http';
import { isPrimed, writeEvent, writeKeepAlive, writePriming } from './event-writer.js';

/** An event as it is kept: JSON text on one line, and its number on the stream, from 1. */
export interface NumberedEvent {
  readonly number: number;
  readonly data: Buffer;
}

/** Is told what becomes of a stream. */
export interface StreamWatcher {
  onEvent(stream: ResumableStream, bytes: number): void;
  /** The client has gone, and may not have got everything. */
  onBroken(stream: ResumableStream): void;
  onDone(stream: ResumableStream): void;
}

export interface StreamFacts {
  readonly id: string;
  readonly sessionId: string;
  readonly tenantId: string;
  /** Revision of the client. */
  readonly version: string;
  /** What the ids of its events begin with. */
  readonly prefix: string;
}

/**
 * The stream on which one request is answered, and what was sent over it. Its client may go, come back on another
 * connection and have the rest; the stream goes on without one.
 */
export class ResumableStream {
  private events: NumberedEvent[] = [];
  private response: ServerResponse | undefined;
  private last = 0;
  private keptBytes = 0;
  private isOver = false;

  constructor(
    readonly facts: StreamFacts,
    private readonly watcher: StreamWatcher,
  ) {}

  /** Whether the last event was sent. */
  get isDone(): boolean {
    return this.isOver;
  }

  /** Number of the last event. */
  get length(): number {
    return this.last;
  }

  get bytes(): number {
    return this.keptBytes;
  }

  get count(): number {
    return this.events.length;
  }

  /** What is still there behind an event. */
  after(number: number): readonly NumberedEvent[] {
    return this.events.filter((event) => event.number > number);
  }

  /**
   * Goes on over this response, whose head was sent, in place of the one before.
   *
   * @param after number of the last event that the client has; absent for the connection on which the request came
   */
  attach(response: ServerResponse, after?: number): void {
    const { version, prefix } = this.facts;
    const before = this.response;
    this.response = response;
    before?.end();
    response.once('close', () => this.detach(response));
    if (isPrimed(version)) writePriming(response, `${prefix}${after ?? 0}`);
    for (const event of this.after(after ?? 0)) this.write(event);
    if (this.isOver) response.end();
  }

  event(data: Buffer): void {
    if (this.isOver) return;
    const event = { number: ++this.last, data };
    this.events.push(event);
    this.keptBytes += data.length;
    this.write(event);
    this.watcher.onEvent(this, data.length);
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.response?.end();
    this.watcher.onDone(this);
  }

  /** A comment, which keeps the connection from looking dead. */
  keepAlive(): void {
    if (this.response) writeKeepAlive(this.response);
  }

  /** To make room. Gives the bytes that this frees, 0 if there is nothing. */
  dropOldest(): number {
    const bytes = this.events.shift()?.data.length ?? 0;
    this.keptBytes -= bytes;
    return bytes;
  }

  private write({ number, data }: NumberedEvent): void {
    if (this.response) writeEvent(this.response, data, this.facts.prefix + number);
  }

  private detach(response: ServerResponse): void {
    if (this.response !== response) return;
    this.response = undefined;
    if (!response.writableFinished || !this.isOver) this.watcher.onBroken(this);
  }
}
