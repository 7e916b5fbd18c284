import { tenantId } from '#kernel';
import { Log } from '#observability';
import { type SessionNote, SessionRecords } from '#session-store';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { isAway } from '../sessions/is-away.js';
import { sessionKey } from '../sessions/session-key.js';
import type { ResumableStream } from './resumable-stream.js';
import { HEAD, type StreamHead, type StreamRecord, recordsOf } from './stream-records.js';

interface Written {
  /** Number of the last event that is in a record. */
  upTo: number;
  /** Of the next record. */
  next: number;
  /**
   * Records that may not have been written. They are written again as they are: what has come since goes into others,
   * because somebody may have read them already.
   */
  unsure: readonly StreamRecord[];
  isDirty: boolean;
}

/** Events that come together are written together. */
const FLUSH_MS = 50;
const RETRY_MS = 1_000;
/** A running stream is renewed so often; its head is gone soon after its process is. */
const RENEW_MS = 5_000;
const LEASE_SECONDS = 15;
/** When the request is answered. */
const KEPT_SECONDS = 300;
/** Events of a stream that goes on; long enough for every call. */
const EVENT_SECONDS = 1_800;
/** Of one stream while the store is away: more than it keeps for its client. */
const MAX_UNSURE_CHARS = 8 * 1024 * 1024;

/**
 * Writes streams to where every replica finds them: those whose client has gone, and those that a client has asked another
 * replica for. From then on every event is there some milliseconds after it came. What nobody may need costs nothing.
 */
@Injectable()
export class StoredStreams implements OnModuleInit, OnApplicationShutdown {
  private readonly written = new Map<ResumableStream, Written>();
  private timer: NodeJS.Timeout | undefined;
  private renewals: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;
  private isStopping = false;

  constructor(
    private readonly records: SessionRecords,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.renewals = setInterval(() => this.renew(), RENEW_MS);
    this.renewals.unref();
  }

  /** What has come until now is still written. */
  async onApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearInterval(this.renewals);
    clearTimeout(this.timer);
    await this.flushing;
    await this.flush();
  }

  /** From now on all of it is written. */
  store(stream: ResumableStream): void {
    if (!this.written.has(stream)) this.written.set(stream, { upTo: 0, next: 1, unsure: [], isDirty: true });
    this.flushSoon();
  }

  noteChanged(stream: ResumableStream): void {
    const written = this.written.get(stream);
    if (!written) return;
    written.isDirty = true;
    this.flushSoon();
  }

  forget(stream: ResumableStream): void {
    this.written.delete(stream);
  }

  private renew(): void {
    for (const [stream, written] of this.written) if (!stream.isDone) written.isDirty = true;
    this.flushSoon();
  }

  private flushSoon(ms = FLUSH_MS): void {
    if (this.isStopping) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flushing ??= this.flush().finally(() => (this.flushing = undefined));
    }, ms).unref();
  }

  private async flush(): Promise<void> {
    for (const [stream, written] of [...this.written]) {
      if (!written.isDirty) continue;
      written.isDirty = false;
      try {
        await this.write(stream, written);
      } catch (error) {
        this.log.warn('events of a session could not be kept for other replicas', { err: error });
        if (isAway(error)) {
          written.isDirty = this.written.has(stream);
          return this.flushSoon(RETRY_MS);
        }
        // Its tenant may be gone: others do not wait behind it.
        this.written.delete(stream);
      }
    }
    // What came meanwhile has found this one at work.
    if ([...this.written.values()].some(({ isDirty }) => isDirty)) this.flushSoon();
  }

  private async write(stream: ResumableStream, written: Written): Promise<void> {
    const { id, sessionId, tenantId: tenant } = stream.facts;
    const session = sessionKey(sessionId);
    const { isDone, length } = stream;
    const fresh = recordsOf(stream.after(written.upTo), id, written.next);
    const bodies = [...written.unsure, ...fresh];
    written.upTo = length;
    written.next += fresh.length;
    written.unsure = bodies;
    const head: StreamHead = { done: isDone, last: length };
    const notes: SessionNote[] = [
      ...bodies.map((body) => ({ ...body, session, seconds: EVENT_SECONDS })),
      {
        session,
        name: `s/${id}/${HEAD}`,
        text: JSON.stringify(head),
        seconds: isDone ? KEPT_SECONDS : LEASE_SECONDS,
      },
    ];
    const isLarge = bodies.reduce((sum, { text }) => sum + text.length, 0) > MAX_UNSURE_CHARS;
    const isKept = !isLarge && (await this.records.keep(tenantId(tenant), notes));
    if (!isKept) {
      this.log.warn('events of a session are not kept for other replicas: its tenant has too many of them');
      this.written.delete(stream);
      return;
    }
    written.unsure = [];
    if (isDone) this.written.delete(stream);
  }
}
