import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { INTERNAL_ERROR } from '#builder';
import type { TenantId } from '#kernel';
import type { SessionRecords } from '#session-store';
import type { ClientSession } from '../sessions/client-sessions.js';
import type { CallMark } from '../sessions/event-ids.js';
import { sessionKey } from '../sessions/session-key.js';
import { isPrimed, writeEvent, writePriming } from './event-writer.js';
import { StoredEvents } from './stored-events.js';
import { HEAD, type StreamHead, namePrefix } from './stream-records.js';

export interface FollowedParts {
  readonly tenantId: TenantId;
  readonly session: ClientSession;
  readonly mark: CallMark;
  /** What the ids of its events begin with, and the id of the last that there is to say. */
  readonly prefix: string;
  readonly overId: string;
  readonly records: SessionRecords;
  /** Has the process put the stream there that has it; absent if there is nobody to ask. */
  readonly ask?: () => void;
}

/** Sends the head of the answer. */
type Open = () => ServerResponse;

/** How long whoever has the stream may take to put it there. */
const PATIENCE_MS = 5_000;
/** A stream that is followed longer is taken for lost: no call is as long. */
const LONGEST_MS = 3_600_000;
const POLL = { firstMs: 200, longestMs: 2_000, growth: 1.3 };
const LOST = {
  code: INTERNAL_ERROR,
  message:
    'The composer that carried this request out is gone, or does not keep the answer any more; whether it was carried out is not known',
  data: { code: 'COMPOSER_CALL_LOST' },
};

/**
 * The stream of a call, read from where the process that answers the call puts it, until its end. If that process is gone,
 * the client is given what it has left behind, and then an error in place of the answer.
 */
export class FollowedStream {
  private readonly stopping = new AbortController();
  private readonly events = new StoredEvents();
  private response: ServerResponse | undefined;
  private readTo = '';
  private reached: number;

  constructor(private readonly parts: FollowedParts) {
    this.reached = parts.mark.after ?? 0;
  }

  stop(): void {
    this.stopping.abort();
  }

  /**
   * Writes what there is, as long as it comes. Does not end the response, and does not open it if there is nothing behind
   * what the client has.
   *
   * @returns whether it has come to its end; false if it was stopped
   * @throws DatabaseUnavailableError
   */
  async run(open: Open): Promise<boolean> {
    const { signal } = this.stopping;
    const begun = performance.now();
    let wasThere = false;
    let hasAsked = false;
    let ms = POLL.firstMs;
    while (!signal.aborted) {
      const before = this.reached;
      const head = await this.look(open);
      if (head?.done) return true;
      if (signal.aborted) break;
      const waited = performance.now() - begun;
      const isLost = head ? waited > LONGEST_MS : wasThere || !this.parts.ask || waited > PATIENCE_MS;
      if (isLost) {
        this.tellLost(open);
        return true;
      }
      if (head) {
        wasThere = true;
        this.begin(open);
      } else if (!hasAsked) {
        hasAsked = true;
        this.parts.ask?.();
      }
      ms = this.reached > before ? POLL.firstMs : Math.min(ms * POLL.growth, POLL.longestMs);
      await pause(ms, undefined, { signal, ref: false }).catch(() => undefined);
    }
    return false;
  }

  private async look(open: Open): Promise<StreamHead | undefined> {
    const { tenantId, session, mark } = this.parts;
    const prefix = namePrefix(mark.stream);
    // A range has an end of its own: the head comes behind all of them.
    for (;;) {
      const range = { prefix, after: this.readTo };
      const records = await this.parts.records.read(tenantId, sessionKey(session.id), range);
      if (records.length === 0) return undefined;
      for (const { name, text } of records) {
        if (name === prefix + HEAD) return JSON.parse(text) as StreamHead;
        this.readTo = name;
        this.write(open, text);
      }
    }
  }

  private write(open: Open, text: string): void {
    for (const { number, data } of this.events.push(text)) {
      if (number <= this.reached || this.stopping.signal.aborted) continue;
      writeEvent(this.begin(open), data, this.parts.prefix + number);
      this.reached = number;
    }
  }

  private begin(open: Open): ServerResponse {
    if (this.response) return this.response;
    this.response = open();
    const { session, prefix, mark } = this.parts;
    if (isPrimed(session.version)) writePriming(this.response, prefix + mark.after);
    return this.response;
  }

  private tellLost(open: Open): void {
    const { requestId } = this.parts.mark;
    const response = this.begin(open);
    if (requestId === undefined) return;
    const answer = `{"jsonrpc":"2.0","id":${requestId},"error":${JSON.stringify(LOST)}}`;
    writeEvent(response, Buffer.from(answer), this.parts.overId);
  }
}
