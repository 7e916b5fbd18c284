import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import type { ComposerError } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import type { MemberMessage } from '../mcp/member-message.js';
import type { MessageStream, StreamWaiter } from '../mcp/message-stream.js';
import { StreamDesk } from '../mcp/stream-desk.js';
import { UnfinishedMessage } from '../mcp/unfinished-message.js';
import { EventStreamReader } from '../wire/event-stream-reader.js';
import { type HeaderList, passCookies } from '../wire/request-head.js';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import { EventStreamError } from '../wire/wire.errors.js';

const MAX_PATH = 4_096;

export interface SseStreamParts {
  readonly endpoint: URL;
  readonly pool: EgressPool;
  /** A message that belongs to no request: notifications, and what the member asks. */
  readonly onOther: (message: MemberMessage) => void;
  /** Told once, when a stream that was open is over, unless it was closed from here. */
  readonly onOver: (error: ComposerError) => void;
}

/**
 * One open stream of the HTTP+SSE transport (2024-11-05, transports): the member says where messages are to be posted, and
 * answers all of them here. Gives every answer, and every progress, to the request that it belongs to.
 */
export class SseStream implements ExchangeListener, MessageStream {
  /** Where messages are posted, with the query; set once the stream is open. */
  path = '';
  /** When something came last, in milliseconds of `performance.now()`. */
  heardAt = 0;
  private readonly exchange = new WireExchange(this, { maxStreamBytes: Infinity });
  private readonly reader = new EventStreamReader();
  private readonly desk: StreamDesk;
  private readonly unfinished = new UnfinishedMessage();
  private patch: RequestPatch | undefined;
  private isOver = false;
  private isRetired = false;
  private settle: { opened(refused?: AnswerHead): void; failed(error: ComposerError): void } | undefined;

  constructor(private readonly parts: SseStreamParts) {
    this.desk = new StreamDesk(parts.onOther);
  }

  /**
   * Asks for the stream. Resolves when it is open, or with the head of an answer that is no stream. Rejects if no answer
   * came or the member wants its messages elsewhere. The caller keeps the time, and calls `close`.
   */
  open(path: string, headers: HeaderList, patch: RequestPatch): Promise<AnswerHead | undefined> {
    this.patch = patch;
    return new Promise((resolve, reject) => {
      this.settle = { opened: resolve, failed: reject };
      this.parts.pool.dispatch({ method: 'GET', path, headers, body: null }, this.exchange);
    });
  }

  /** As whom it was opened. */
  get account(): string | undefined {
    return this.patch?.account;
  }

  get isStuck(): boolean {
    return this.unfinished.isStuck;
  }

  get isBusy(): boolean {
    return this.desk.isBusy;
  }

  expect(id: number, waiter: StreamWaiter): boolean {
    if (this.isOver) return false;
    this.desk.expect(id, waiter);
    return true;
  }

  drop(id: number): void {
    this.desk.drop(id);
    if (this.isRetired && !this.isBusy) this.close();
  }

  /** Takes no new requests; closes when those under way have ended. */
  retire(): void {
    this.isRetired = true;
    if (!this.isBusy) this.close();
  }

  close(error: ComposerError = streamEnded()): void {
    if (this.isOver) return;
    this.isOver = true;
    this.parts.pool.withdraw(this.exchange);
    this.exchange.stop();
    this.tellAll(error);
  }

  head(head: AnswerHead): BodyForm {
    passCookies(this.patch!, head.headers, this.parts.endpoint.pathname + this.parts.endpoint.search);
    if (head.status === 200 && head.contentType.startsWith('text/event-stream')) return 'pieces';
    this.isOver = true;
    this.settle?.opened(head);
    // Whatever an answer says that is no stream, its head has said it: its body may have no end.
    this.exchange.stop();
    return 'whole';
  }

  body(): void {
    // It was not waited for.
  }

  piece(piece: Buffer): boolean {
    this.heardAt = performance.now();
    this.desk.count(piece.length);
    try {
      const events = this.reader.pushNamed(piece);
      this.unfinished.note(this.reader.isInside, events.length > 0);
      for (const { name, data } of events) {
        if (this.isOver || this.desk.overflow) break;
        this.take(name, data);
      }
    } catch (error) {
      if (!(error instanceof EventStreamError)) throw error;
      this.breakOff(new MemberProtocolError(error.message, error));
    }
    const { overflow } = this.desk;
    if (overflow) this.breakOff(overflow);
    return true;
  }

  end(): void {
    this.breakOff(streamEnded());
  }

  fail(error: ComposerError): void {
    this.breakOff(error);
  }

  private take(name: string, data: Buffer): void {
    if (name === 'endpoint') return this.opened(data.toString('utf8'));
    if (name !== 'message' || this.path === '') return;
    this.desk.take(data);
    if (this.isRetired && !this.isBusy) this.close();
  }

  /** The credential goes where messages are posted, so that must be where the stream is. */
  private opened(said: string): void {
    if (this.path !== '') return;
    const { endpoint } = this.parts;
    const url = URL.canParse(said, endpoint.href) ? new URL(said, endpoint) : undefined;
    if (url?.origin !== endpoint.origin || url.username || url.password) {
      return this.breakOff(new MemberProtocolError('it wants its messages at another origin than its stream'));
    }
    const path = url.pathname + url.search;
    if (path.length > MAX_PATH) return this.breakOff(new MemberProtocolError('its address for messages is too long'));
    this.path = path;
    this.settle?.opened();
  }

  private breakOff(error: ComposerError): void {
    if (this.isOver) return;
    const wasOpen = this.path !== '';
    this.close(error);
    this.settle?.failed(error);
    if (wasOpen) this.parts.onOver(error);
  }

  private tellAll(error: ComposerError): void {
    this.settle?.failed(error);
    this.desk.tellAll(error);
  }
}

function streamEnded(): MemberProtocolError {
  return new MemberProtocolError('its stream ended before the answer; whether it carried the call out is not known');
}
