import type { IncomingHttpHeaders } from 'node:http';
import {
  type DispatchController,
  type DispatchHandler,
  EgressBadAnswerError,
  EgressTooLargeError,
  noteDiscarded,
  wireFault,
} from '#egress';
import type { ComposerError } from '#kernel';
import { asComposerError } from '../builder.errors.js';
import { EventStreamReader, type StreamMarks } from './event-stream-reader.js';
import { EventStreamError } from './wire.errors.js';

/** How an answer's body is wanted: whole, cut into events, or piece by piece as it comes. */
export type BodyForm = 'whole' | 'events' | 'pieces';

export interface AnswerHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly contentType: string;
  /** Of a redirect. */
  readonly location?: string;
  /** `WWW-Authenticate`, of a refusal. */
  readonly challenge?: string;
}

/** Who is told what of one answer. Exactly one of `body`, `end` and `fail` comes last, and comes once. */
export interface ExchangeListener {
  /** Chooses the form of the body that follows. */
  head(head: AnswerHead): BodyForm;
  /** The whole body, for `whole`. */
  body(body: Buffer): void;
  /** The data of one event, for `events`. */
  event?(data: Buffer): void;
  /** One piece, for `pieces`. False asks to wait until `resume`. */
  piece?(piece: Buffer): boolean;
  /** The stream is over, for `events` and `pieces`. */
  end(): void;
  /** @param isUnsent certainly no byte of the request has left */
  fail(error: ComposerError, isUnsent: boolean): void;
}

export interface ExchangeLimits {
  /** In all, for `events` and `pieces`; 50 MiB unless given. */
  readonly maxStreamBytes?: number;
  /** HEAD: the length that is announced is not that of a body. */
  readonly isBodiless?: boolean;
}

/** Limits of one answer: reliability of everybody else depends on them. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;
const MAX_STREAM_BYTES = 50 * 1024 * 1024;
const MAX_EVENTS = 10_000;

/**
 * One request on the call path, as a bare undici handler: no stream objects, no promises. Counts bytes and events and
 * breaks off what goes beyond the limits.
 */
export class WireExchange implements DispatchHandler {
  private controller: DispatchController | undefined;
  private form: BodyForm = 'whole';
  private readonly chunks: Buffer[] = [];
  private received = 0;
  private events = 0;
  private reader: EventStreamReader | undefined;
  private isOver = false;
  private stopped = false;

  constructor(
    private readonly listener: ExchangeListener,
    private readonly limits: ExchangeLimits = {},
  ) {}

  /** Breaks the exchange off; the listener is told nothing more. */
  stop(): void {
    const wasOver = this.isOver;
    this.isOver = true;
    this.stopped = true;
    this.giveUpChunks();
    if (!wasOver) this.controller?.abort(new Error('no longer wanted'));
  }

  /** Where a stream of `events` can be taken up again. */
  get marks(): StreamMarks {
    return this.reader?.marks ?? {};
  }

  /** Lets pieces come again after `piece` has returned false. */
  resume(): void {
    this.controller?.resume();
  }

  onRequestStart(controller: DispatchController): void {
    this.controller = controller;
    if (this.stopped) controller.abort(new Error('no longer wanted'));
  }

  onResponseStart(
    ...[, status, headers, statusText = '']: Parameters<NonNullable<DispatchHandler['onResponseStart']>>
  ): void {
    if (this.isOver || status < 200) return;
    const isBodiless = this.limits.isBodiless || status === 204 || status === 304;
    const coding = isBodiless ? '' : String(headers['content-encoding'] ?? '').toLowerCase();
    if (coding !== 'identity' && coding !== '') {
      return this.fail(new EgressBadAnswerError('it is compressed although it was asked not to be'));
    }
    const contentType = String(headers['content-type'] ?? '').toLowerCase();
    this.form = this.listener.head({ status, statusText, headers, contentType, ...signsOf(status, headers) });
    if (this.form === 'events') this.reader = new EventStreamReader();
    // What is announced as too much need not be read to be refused.
    if (this.form !== 'whole' || isBodiless || this.isOver) return;
    if (Number(headers['content-length']) > MAX_BODY_BYTES) this.fail(new EgressTooLargeError(MAX_BODY_BYTES));
  }

  onResponseData(controller: DispatchController, chunk: Buffer): void {
    if (this.isOver) return;
    this.received += chunk.length;
    const limit = this.form === 'whole' ? MAX_BODY_BYTES : (this.limits.maxStreamBytes ?? MAX_STREAM_BYTES);
    if (this.received > limit) return this.fail(new EgressTooLargeError(limit));
    if (this.form === 'whole') return void this.chunks.push(chunk);
    if (this.form === 'events') this.cut(chunk);
    else if (this.listener.piece?.(chunk) === false) controller.pause();
    noteDiscarded(chunk.length);
  }

  onResponseEnd(): void {
    if (this.isOver) return;
    this.isOver = true;
    try {
      if (this.form === 'whole') this.listener.body(this.takeBody());
      else this.listener.end();
    } catch (error) {
      // Nobody hears of what is thrown here: who waits for the answer would wait to the limit of its time.
      this.listener.fail(asComposerError(error), false);
    }
  }

  onResponseError(_: DispatchController, error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.giveUpChunks();
    const isUnsent = this.controller === undefined;
    this.listener.fail(wireFault(error, isUnsent), isUnsent);
  }

  private takeBody(): Buffer {
    const chunks = this.chunks.splice(0);
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  private giveUpChunks(): void {
    if (this.chunks.length === 0) return;
    this.chunks.length = 0;
    noteDiscarded(this.received);
  }

  private cut(chunk: Buffer): void {
    try {
      for (const data of this.reader!.push(chunk)) {
        if (++this.events > MAX_EVENTS) return this.fail(new EgressTooLargeError(MAX_STREAM_BYTES));
        this.listener.event?.(data);
        if (this.isOver) return;
      }
    } catch (error) {
      if (error instanceof EventStreamError) return this.fail(new EgressBadAnswerError(error.message, error));
      throw error;
    }
  }

  private fail(error: ComposerError): void {
    if (this.isOver) return;
    this.stop();
    this.listener.fail(error, false);
  }
}

/** As much of a page as tells what it is. */
const MOST_PAGE = 64 * 1024;

export const isPage = ({ contentType }: Pick<AnswerHead, 'contentType'>): boolean =>
  contentType.startsWith('text/html') || contentType.startsWith('application/xhtml');

/** The beginning of the body, where that is a page that people are shown. */
export function pageOf(head: Pick<AnswerHead, 'contentType'>, body: Buffer | undefined): { readonly page?: string } {
  return body && isPage(head) ? { page: body.subarray(0, MOST_PAGE).toString('utf8') } : {};
}

/** What else of a head tells whether a credential was taken. */
export function signsOf(status: number, headers: IncomingHttpHeaders): Pick<AnswerHead, 'location' | 'challenge'> {
  const { location, 'www-authenticate': challenge } = headers;
  if (status >= 300 && status < 400 && typeof location === 'string') return { location };
  const isRefusal = status === 401 || status === 403;
  return isRefusal && challenge !== undefined ? { challenge: String(challenge) } : {};
}
