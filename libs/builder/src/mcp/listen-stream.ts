import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import type { ComposerError } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import type { Era } from '../member.js';
import { type HeaderList, passCookies } from '../wire/request-head.js';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import { type MemberMessage, readMemberMessage, textAt } from './member-message.js';

export interface ListenStreamParts {
  readonly pool: EgressPool;
  readonly era: Era;
  /** The credential that the request carries, and the path before it was put on: cookies are of this one. */
  readonly patch: RequestPatch;
  readonly path: string;
  /** Told first, of a modern member: what it will tell of. */
  readonly onAcknowledged?: (message: MemberMessage) => void;
  readonly onMessage: (message: MemberMessage) => void;
  /** Told once, when a stream that was open is over, unless it was closed from here. */
  readonly onOver: () => void;
}

interface ListenRequest {
  readonly method: 'GET' | 'POST';
  readonly head: [path: string, headers: HeaderList];
  readonly body: Buffer | null;
}

/** A member that has nothing to tell is asked anew after that: a connection may be dead, and nobody says so. */
const SILENCE_MS = 600_000;
/** 2026-07-28, subscriptions: comes before everything else. */
const ACKNOWLEDGED = '"notifications/subscriptions/acknowledged"';

/**
 * One stream on which a member over Streamable HTTP speaks without being asked: the answer to `subscriptions/listen`
 * (2026-07-28), or to a GET within a session (2025-11-25, transports).
 */
export class ListenStream implements ExchangeListener {
  private readonly exchange = new WireExchange(this);
  private isOpen = false;
  private isOver = false;
  private settle: { opened(refused?: AnswerHead): void; failed(error: ComposerError): void } | undefined;

  constructor(private readonly parts: ListenStreamParts) {}

  /**
   * Resolves when the stream is open, or with the head of an answer that is no stream. Rejects if no answer came. The
   * caller keeps the time, and calls `close`.
   */
  open({ method, head: [path, headers], body }: ListenRequest): Promise<AnswerHead | undefined> {
    return new Promise((resolve, reject) => {
      this.settle = { opened: resolve, failed: reject };
      this.parts.pool.dispatch({ method, path, headers, body, bodyTimeout: SILENCE_MS }, this.exchange);
    });
  }

  close(error: ComposerError = streamEnded()): void {
    if (this.isOver) return;
    this.isOver = true;
    this.parts.pool.withdraw(this.exchange);
    this.exchange.stop();
    this.settle?.failed(error);
  }

  head(head: AnswerHead): BodyForm {
    const { patch, path, era } = this.parts;
    passCookies(patch, head.headers, path);
    if (head.status === 200 && head.contentType.startsWith('text/event-stream')) {
      if (era === 'legacy') this.opened();
      return 'events';
    }
    this.isOver = true;
    this.settle?.opened(head);
    // Its head has said it: its body may have no end.
    this.exchange.stop();
    return 'whole';
  }

  event(data: Buffer): void {
    let message: MemberMessage;
    try {
      message = readMemberMessage(data);
    } catch {
      return; // It cannot be told what it was to say.
    }
    const isAcknowledgement = textAt(data, message.places.get('method')) === ACKNOWLEDGED;
    if (isAcknowledgement) this.acknowledged(message);
    if (this.isOpen && !isAcknowledgement) this.parts.onMessage(message);
  }

  body(): void {
    // It was not waited for.
  }

  end(): void {
    this.fail(streamEnded());
  }

  fail(error: ComposerError): void {
    if (this.isOver) return;
    this.close(error);
    if (this.isOpen) this.parts.onOver();
  }

  private acknowledged(message: MemberMessage): void {
    this.parts.onAcknowledged?.(message);
    this.opened();
  }

  private opened(): void {
    this.isOpen = true;
    this.settle?.opened();
  }
}

const streamEnded = (): MemberProtocolError => new MemberProtocolError('its stream ended');
