import { MemberPool } from '#builder';
import type { TenantId } from '#kernel';
import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';
import type { HttpReply } from './http-reply.js';

/** A client that wants to hear of changes, over a stream that stays open. */
export interface ChangeStream {
  readonly tenant: TenantId;
  /** One stream per key: a second one takes the place of the first. */
  readonly key: string;
  readonly reply: HttpReply;
  /** The message that says that the list of tools has changed. */
  readonly notice: Buffer;
  /** The last message, when the composer stops; absent if the era has none. */
  readonly farewell?: Buffer;
}

const KEEP_ALIVE_MS = 15_000;
/** Streams that one process holds open, in all and of one tenant. */
const MAX_STREAMS = 10_000;
const MAX_STREAMS_PER_TENANT = 1_000;

/** The open streams, and what is sent over them. */
@Injectable()
export class ChangeStreams implements OnModuleInit, BeforeApplicationShutdown {
  private readonly streams = new Map<string, ChangeStream>();
  private readonly waiting = new Set<TenantId>();
  private stopListening: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;
  private isStopping = false;

  constructor(private readonly pool: MemberPool) {}

  onModuleInit(): void {
    this.stopListening = this.pool.onChange((tenant) => this.announce(tenant));
    this.timer = setInterval(() => this.keepAlive(), KEEP_ALIVE_MS);
    this.timer.unref();
  }

  /** Before the server closes, because it waits for every connection that is still in use. */
  beforeApplicationShutdown(): void {
    this.isStopping = true;
    this.stopListening();
    clearInterval(this.timer);
    for (const { reply, farewell } of this.streams.values()) {
      if (farewell) reply.event([farewell]);
      reply.endStream();
    }
    this.streams.clear();
  }

  /** False if there are too many streams already, or the process is stopping. */
  add(stream: ChangeStream): boolean {
    const before = this.streams.get(stream.key);
    if (this.isStopping || (!before && this.isFull(stream.tenant))) return false;
    before?.reply.endStream();
    this.streams.set(stream.key, stream);
    stream.reply.onAbandoned(() => {
      if (this.streams.get(stream.key) === stream) this.streams.delete(stream.key);
    });
    return true;
  }

  end(key: string): void {
    this.streams.get(key)?.reply.endStream();
    this.streams.delete(key);
  }

  /** Changes that come together are told once. */
  private announce(tenant: TenantId): void {
    if (this.waiting.has(tenant)) return;
    this.waiting.add(tenant);
    setImmediate(() => {
      this.waiting.delete(tenant);
      for (const stream of this.streams.values()) {
        if (stream.tenant === tenant) stream.reply.event([stream.notice]);
      }
    });
  }

  private isFull(tenant: TenantId): boolean {
    if (this.streams.size >= MAX_STREAMS) return true;
    let own = 0;
    for (const stream of this.streams.values()) if (stream.tenant === tenant) own++;
    return own >= MAX_STREAMS_PER_TENANT;
  }

  private keepAlive(): void {
    for (const { reply } of this.streams.values()) reply.keepAlive();
  }
}
