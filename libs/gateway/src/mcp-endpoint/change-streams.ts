import type { IncomingMessage } from 'node:http';
import { LIST_KINDS, type ListKind, type MemberCaller, MemberPool } from '#builder';
import type { ComposerError, TenantId } from '#kernel';
import { Log } from '#observability';
import { UnknownVirtualServerError, VirtualServerDirectory } from '#registry';
import type { Principal } from '#tenancy';
import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';
import { Selections } from '../catalog/selections.js';
import type { HttpReply } from './http-reply.js';
import { OpenExchanges } from './open-exchanges.js';

/** A client that wants to hear of changes, over a stream that stays open. */
export interface ChangeStream {
  readonly principal: Principal;
  readonly client: MemberCaller['client'];
  readonly request: IncomingMessage;
  /** The address whose changes it hears of; empty for all of the tenant. */
  readonly slug: string;
  /** One stream per key: a second one takes the place of the first. */
  readonly key: string;
  readonly reply: HttpReply;
  /** The messages that say that a list has changed, of those lists that the client wants to hear of. */
  readonly notices: ReadonlyMap<ListKind, Buffer>;
  /** The last message, when the composer stops; absent if the era has none. */
  readonly farewell?: Buffer;
  /** What `_meta` of every notification says; absent if the era has nothing to say there. */
  readonly meta?: object;
  /** When it is over, in milliseconds since 1970; absent: when its client or its credential is. */
  readonly endsAt?: number;
  /** Whether the client wants to hear of warnings, as it has said last; absent: it does not. */
  readonly takesWarnings?: () => boolean;
}

/** Without `jsonrpc`. */
export interface Notification {
  readonly method: string;
  readonly params: object;
}

const KEEP_ALIVE_MS = 15_000;
/** Streams that one process holds open, in all and of one tenant. */
const MAX_STREAMS = 10_000;
const MAX_STREAMS_PER_TENANT = 1_000;

/** A stream that is open, and as whom it is. */
interface OpenStream extends ChangeStream {
  principal: Principal;
  takeOut: () => void;
}

/** @param isThere whether a tenant has open streams now; before, it was the other way round */
type AudienceListener = (tenant: TenantId, isThere: boolean) => void;

/** The open streams, and what is sent over them. */
@Injectable()
export class ChangeStreams implements OnModuleInit, BeforeApplicationShutdown {
  private readonly streams = new Map<string, OpenStream>();
  private readonly ofTenant = new Map<TenantId, Set<OpenStream>>();
  private readonly waiting = new Map<TenantId, Set<ListKind>>();
  private readonly audienceListeners = new Set<AudienceListener>();
  private stopListening: readonly (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  private isStopping = false;

  constructor(
    private readonly pool: MemberPool,
    private readonly directory: VirtualServerDirectory,
    private readonly selections: Selections,
    private readonly exchanges: OpenExchanges,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.stopListening = [
      this.pool.onChange((tenant, lists) => this.announce(tenant, lists)),
      this.directory.onChange((tenant) => this.announce(tenant, LIST_KINDS)),
    ];
    this.timer = setInterval(() => this.keepAlive(), KEEP_ALIVE_MS);
    this.timer.unref();
  }

  /** Before the server closes, because it waits for every connection that is still in use. */
  beforeApplicationShutdown(): void {
    this.isStopping = true;
    for (const stop of this.stopListening) stop();
    clearInterval(this.timer);
    for (const stream of [...this.streams.values()]) this.bidFarewell(stream);
  }

  /** Tells whether somebody of a tenant listens, whenever that changes. Returns how to stop it. */
  onAudience(listener: AudienceListener): () => void {
    this.audienceListeners.add(listener);
    return () => this.audienceListeners.delete(listener);
  }

  hasAudience(tenant: TenantId): boolean {
    return this.ofTenant.has(tenant);
  }

  /** False if there are too many streams already, or the process is stopping. */
  add(wanted: ChangeStream): boolean {
    const before = this.streams.get(wanted.key);
    if (this.isStopping || (!before && this.isFull(wanted.principal.tenantId))) return false;
    if (before) this.close(before);
    const stream: OpenStream = { ...wanted, takeOut: () => undefined };
    this.streams.set(stream.key, stream);
    const { tenantId } = stream.principal;
    const own = this.ofTenant.get(tenantId) ?? new Set();
    const isFirst = own.size === 0;
    this.ofTenant.set(tenantId, own.add(stream));
    if (isFirst) this.tellOfAudience(tenantId, true);
    stream.takeOut = this.exchanges.add({
      get principal() {
        return stream.principal;
      },
      request: wanted.request,
      endsWithCredential: true,
      endsAt: wanted.endsAt,
      end: (reason) => this.close(stream, reason),
      goOnAs: (principal) => {
        stream.principal = principal;
        this.announce(principal.tenantId, LIST_KINDS);
      },
    });
    stream.reply.onAbandoned(() => this.forget(stream));
    return true;
  }

  /** As whom the stream of this key is open now; undefined if it is not open here. */
  find(key: string): Pick<ChangeStream, 'principal' | 'client' | 'slug'> | undefined {
    return this.streams.get(key);
  }

  end(key: string): void {
    const stream = this.streams.get(key);
    if (stream) this.close(stream);
  }

  /** The stream is over for a reason that its client knows what to do about: to open another. */
  finish(key: string): void {
    const stream = this.streams.get(key);
    if (stream) this.bidFarewell(stream);
  }

  /** Tells all streams of a tenant that want to hear of warnings, and of this one. */
  warn(tenant: TenantId, notification: Notification, concerns: (stream: ChangeStream) => Promise<boolean>): void {
    for (const stream of this.ofTenant.get(tenant) ?? []) {
      if (!stream.takesWarnings?.()) continue;
      concerns(stream).then(
        (isMeant) => isMeant && this.notify(stream.key, notification),
        (error: unknown) =>
          this.log.warn('whether a stream is to hear of a warning could not be found out', { err: error }),
      );
    }
  }

  /** Does nothing if the stream is not open here. */
  notify(key: string, { method, params }: Notification): void {
    const stream = this.streams.get(key);
    if (!stream) return;
    const { meta } = stream;
    const message = { jsonrpc: '2.0', method, params: meta === undefined ? params : { _meta: meta, ...params } };
    stream.reply.event([Buffer.from(JSON.stringify(message))]);
  }

  /** A message that is complete. Does nothing if the stream is not open here. */
  send(key: string, message: Buffer): void {
    this.streams.get(key)?.reply.event([message]);
  }

  private bidFarewell(stream: OpenStream): void {
    if (stream.farewell) stream.reply.event([stream.farewell]);
    this.close(stream);
  }

  private close(stream: OpenStream, reason?: ComposerError): void {
    this.forget(stream);
    if (reason) stream.reply.cutOff(reason);
    else stream.reply.endStream();
  }

  private forget(stream: OpenStream): void {
    stream.takeOut();
    if (this.streams.get(stream.key) !== stream) return;
    this.streams.delete(stream.key);
    const { tenantId } = stream.principal;
    const own = this.ofTenant.get(tenantId);
    own?.delete(stream);
    if (own?.size !== 0) return;
    this.ofTenant.delete(tenantId);
    this.tellOfAudience(tenantId, false);
  }

  private tellOfAudience(tenant: TenantId, isThere: boolean): void {
    for (const listener of this.audienceListeners) listener(tenant, isThere);
  }

  /** Changes that come together are told once. */
  private announce(tenant: TenantId, lists: ReadonlySet<ListKind>): void {
    const waiting = this.waiting.get(tenant);
    if (waiting) {
      for (const list of lists) waiting.add(list);
      return;
    }
    const changed = new Set(lists);
    this.waiting.set(tenant, changed);
    setImmediate(() => {
      this.waiting.delete(tenant);
      for (const stream of [...(this.ofTenant.get(tenant) ?? [])]) this.tell(stream, changed);
    });
  }

  /** What the stream was opened for may be gone, or not for its principal any more. */
  private tell(stream: OpenStream, changed: ReadonlySet<ListKind>): void {
    const settle = (selection: unknown) => {
      if (this.streams.get(stream.key) !== stream) return;
      if (!selection) return this.close(stream, new UnknownVirtualServerError());
      for (const [list, notice] of stream.notices) if (changed.has(list)) stream.reply.event([notice]);
    };
    const found = this.selections.find(stream.principal, stream.slug);
    if (!(found instanceof Promise)) return settle(found);
    found.then(settle, (error: unknown) => {
      this.log.warn('whether a stream is to go on could not be found out; it does', { err: error });
      settle(true);
    });
  }

  private isFull(tenant: TenantId): boolean {
    if (this.streams.size >= MAX_STREAMS) return true;
    return (this.ofTenant.get(tenant)?.size ?? 0) >= MAX_STREAMS_PER_TENANT;
  }

  private keepAlive(): void {
    for (const { reply } of this.streams.values()) reply.keepAlive();
  }
}
