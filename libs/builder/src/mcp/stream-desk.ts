import { EgressTooLargeError } from '#egress';
import type { ComposerError } from '#kernel';
import { asComposerError } from '../builder.errors.js';
import { scanObject } from '../json-rpc/json-scan.js';
import { type MemberMessage, idIn, readMemberMessage, textAt } from './member-message.js';
import type { StreamWaiter } from './message-stream.js';

/** Of what belongs to one request, and of what belongs to none between two answers. */
const MAX_EVENTS = 10_000;
const MAX_BYTES = 50 * 1024 * 1024;
const OPEN_OBJECT = 0x7b;

interface Waiting {
  readonly waiter: StreamWaiter;
  events: number;
  bytes: number;
}

/**
 * Who waits for what on one stream: gives every answer, and every progress, to the request that it belongs to, and counts
 * what belongs to none.
 */
export class StreamDesk {
  private readonly waiting = new Map<number, Waiting>();
  private strayEvents = 0;
  private strayBytes = 0;

  /** @param onOther a message that belongs to no request: notifications, and what the member asks */
  constructor(private readonly onOther: (message: MemberMessage) => void) {}

  get isBusy(): boolean {
    return this.waiting.size > 0;
  }

  /** Says more than anybody needs: the stream is to be given up. */
  get overflow(): ComposerError | undefined {
    const isTooMuch = this.strayEvents > MAX_EVENTS || this.strayBytes > MAX_BYTES;
    return isTooMuch ? new EgressTooLargeError(MAX_BYTES) : undefined;
  }

  expect(id: number, waiter: StreamWaiter): void {
    this.waiting.set(id, { waiter, events: 0, bytes: 0 });
  }

  drop(id: number): void {
    this.waiting.delete(id);
  }

  /** Bytes came, of whatever. */
  count(bytes: number): void {
    this.strayBytes += bytes;
  }

  /**
   * False: it is no message. Who waits for it is told if it can be told whose it is, and else runs into its limit of time.
   */
  take(data: Buffer): boolean {
    let message: MemberMessage;
    try {
      message = readMemberMessage(data);
    } catch (error) {
      this.unreadable(data, asComposerError(error));
      return false;
    }
    if (message.kind === 'response') this.answered(message);
    else this.told(message);
    return true;
  }

  /** Nothing more will come. */
  tellAll(error: ComposerError): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const { waiter } of all) waiter.lost(error);
  }

  private answered(message: MemberMessage): void {
    const id = numberAt(textAt(message.raw, message.places.get('id')));
    const waiting = this.waiting.get(id);
    // A second answer, or one to nothing that was asked here.
    if (!waiting) return void this.strayEvents++;
    this.strayEvents = 0;
    this.strayBytes = 0;
    this.waiting.delete(id);
    waiting.waiter.answer(message);
  }

  private unreadable(data: Buffer, error: ComposerError): void {
    this.strayEvents++;
    const id = numberAt(idIn(data));
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.waiter.lost(error);
  }

  private told(message: MemberMessage): void {
    const waiting = this.waiting.get(progressTokenOf(message));
    if (!waiting) {
      this.strayEvents++;
      return this.onOther(message);
    }
    const { length } = message.raw;
    this.strayBytes -= length;
    waiting.events++;
    waiting.bytes += length;
    if (waiting.events > MAX_EVENTS || waiting.bytes > MAX_BYTES) {
      return waiting.waiter.lost(new EgressTooLargeError(MAX_BYTES));
    }
    waiting.waiter.progress(message);
  }
}

/** The request that a notification tells the progress of; `NaN` for any other message. */
function progressTokenOf({ raw, places, kind }: MemberMessage): number {
  const params = places.get('params');
  if (kind !== 'notification') return NaN;
  if (textAt(raw, places.get('method')) !== '"notifications/progress"' || !params) return NaN;
  if (raw[params.start] !== OPEN_OBJECT) return NaN;
  let token = NaN;
  scanObject(raw, params.start, (key, span) => {
    if (key === 'progressToken') token = numberAt(textAt(raw, span));
  });
  return token;
}

/** Ids that are given here are integers, and come back as such. */
function numberAt(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}
