import { type Member, type MemberCaller, MemberPool, failureText } from '#builder';
import { ComposerError, type ServerId, type TenantId } from '#kernel';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type ResourceRoute, routeOf } from '../catalog/resource-route.js';
import type { Selection } from '../catalog/selection.js';
import { Selections } from '../catalog/selections.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { ChangeStreams } from '../mcp-endpoint/change-streams.js';

/** Who is told of resources that change: over the stream of this key, at whatever time that is open. */
export interface Subscriber {
  readonly key: string;
  readonly principal: Principal;
  /** What it has declared decides in which session of a member its calls go. */
  readonly client: MemberCaller['client'];
  readonly slug: string;
}

/** What came of a wish to be told. */
export type SubscriptionAnswer =
  | { readonly kind: 'subscribed' }
  /** There is no such resource for this principal. */
  | { readonly kind: 'not-found' }
  /** The member does not tell of resources that change. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'failed'; readonly text: string; readonly code: string };

interface Subscription {
  readonly member: Member;
  readonly serverId: ServerId;
  /** By which its member knows the resource. */
  readonly own: string;
  readonly stop: () => void;
}

/** The member is being asked: this time, and not another. */
interface Asking {
  readonly isAsked: true;
}

interface Subscribed {
  readonly subscriber: Subscriber;
  /** By the URI that the subscriber knows. */
  readonly uris: Map<string, Subscription | Asking>;
  /** Those that have changed while nobody was there to be told. */
  readonly missed: Set<string>;
  /** Rounds of sweeping without an open stream. */
  rounds: number;
}

/** Of one subscriber, and of one tenant. */
const MAX_URIS = 100;
const MAX_URIS_PER_TENANT = 2_000;
/** Whoever has had no stream open for so many of these rounds is told nothing any more. */
const SWEEP_MS = 60_000;
const MAX_ROUNDS = 10;
const SUBSCRIBED = { kind: 'subscribed' } as const;
const FULL = {
  kind: 'failed',
  text: 'Too many resources are subscribed to; unsubscribe from some, or try again later.',
  code: 'COMPOSER_SUBSCRIPTIONS_FULL',
} as const;

/**
 * Which resources clients of this process want to hear of. A member is asked once for each URI, and what it tells goes to
 * the streams of those who have subscribed, as long as the resource is there for them.
 */
@Injectable()
export class ResourceSubscriptions implements OnModuleInit, OnApplicationShutdown {
  private readonly subscribed = new Map<string, Subscribed>();
  private readonly reviewing = new Set<TenantId>();
  private stopListening: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly catalog: ToolCatalog,
    private readonly selections: Selections,
    private readonly streams: ChangeStreams,
    private readonly pool: MemberPool,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.pool.onChange((tenant) => this.reviewLater(tenant));
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    this.stopListening();
    clearInterval(this.timer);
    for (const key of [...this.subscribed.keys()]) this.end(key);
  }

  /** Never rejects for what a member or a client does. A second wish for the same resource changes nothing. */
  async subscribe(subscriber: Subscriber, selection: Selection, uri: string): Promise<SubscriptionAnswer> {
    const { key, principal } = subscriber;
    const known = this.subscribed.get(key);
    if (known?.uris.has(uri)) return SUBSCRIBED;
    const route = routeOf(this.catalog.viewFor(principal, selection), uri);
    if (!route) return { kind: 'not-found' };
    if (!route.slot.member?.tellsOfUpdates) return { kind: 'unknown' };
    if (this.isFull(subscriber)) return FULL;
    const own = known ?? { subscriber, uris: new Map(), missed: new Set(), rounds: 0 };
    this.subscribed.set(key, own);
    return this.watch(own, uri, route);
  }

  /**
   * For a stream that is open here: subscribes to what its client has asked another process for, or this one before its
   * last start, and tells of what the client may have missed. False if that does not work at the moment.
   */
  async takeUp(key: string, uri: string): Promise<boolean> {
    const own = this.subscribed.get(key);
    if (own?.uris.has(uri)) {
      if (own.missed.delete(uri)) await this.deliver(own, uri);
      return true;
    }
    const stream = this.streams.find(key);
    if (!stream) return true;
    const { principal, client, slug } = stream;
    const selection = await this.selections.find(principal, slug);
    const answer = selection && (await this.subscribe({ key, principal, client, slug }, selection, uri));
    if (answer?.kind === 'failed') return false;
    const subscribed = this.subscribed.get(key);
    // What happened in between, nobody has seen.
    if (subscribed?.uris.has(uri)) await this.deliver(subscribed, uri);
    return true;
  }

  unsubscribe(key: string, uri: string): void {
    const own = this.subscribed.get(key);
    if (!own) return;
    this.drop(own, uri);
  }

  /** The session, or the stream, is over. */
  end(key: string): void {
    const own = this.subscribed.get(key);
    if (!own) return;
    for (const uri of [...own.uris.keys()]) this.drop(own, uri);
  }

  private async watch(own: Subscribed, uri: string, { slot, uri: theirs }: ResourceRoute): Promise<SubscriptionAnswer> {
    const { member, ref } = slot;
    const { principal, client } = own.subscriber;
    const asking: Asking = { isAsked: true };
    own.uris.set(uri, asking);
    // It may have been taken back meanwhile, and wished for again.
    const isStill = () => this.isStill(own, uri) && own.uris.get(uri) === asking;
    try {
      const stop = await member!.watch(
        theirs,
        { principalId: principal.id, client },
        () => void this.deliver(own, uri),
      );
      if (!isStill()) stop();
      else own.uris.set(uri, { member: member!, serverId: ref.serverId, own: theirs, stop });
      return SUBSCRIBED;
    } catch (error) {
      if (isStill()) this.drop(own, uri);
      if (!(error instanceof ComposerError)) throw error;
      return { kind: 'failed', text: failureText(ref.serverId, error), code: error.code };
    }
  }

  private isStill({ subscriber, uris }: Subscribed, uri: string): boolean {
    return this.subscribed.get(subscriber.key)?.uris === uris && uris.has(uri);
  }

  private drop(own: Subscribed, uri: string): void {
    const known = own.uris.get(uri);
    if (known && 'stop' in known) known.stop();
    own.uris.delete(uri);
    own.missed.delete(uri);
    if (own.uris.size === 0 && this.subscribed.get(own.subscriber.key) === own) {
      this.subscribed.delete(own.subscriber.key);
    }
  }

  /** What the subscriber may see is judged by what its stream is open as now. */
  private async deliver(own: Subscribed, uri: string): Promise<void> {
    try {
      if (!this.streams.find(own.subscriber.key)) return void own.missed.add(uri);
      const route = await this.routeNow(own, uri);
      if (!this.isStill(own, uri)) return;
      if (!route) return this.drop(own, uri);
      this.streams.notify(own.subscriber.key, { method: 'notifications/resources/updated', params: { uri } });
    } catch (error) {
      this.log.warn('whether a client may hear of a resource could not be found out', { err: error });
    }
  }

  private async routeNow({ subscriber }: Subscribed, uri: string): Promise<ResourceRoute | undefined> {
    const principal = this.streams.find(subscriber.key)?.principal ?? subscriber.principal;
    const selection = await this.selections.find(principal, subscriber.slug);
    return selection && routeOf(this.catalog.viewFor(principal, selection), uri);
  }

  /** Changes that come together are looked at once, and when everybody has heard of them. */
  private reviewLater(tenant: TenantId): void {
    if (this.reviewing.has(tenant)) return;
    this.reviewing.add(tenant);
    setImmediate(() => {
      this.reviewing.delete(tenant);
      for (const own of [...this.ofTenant(tenant)]) {
        for (const uri of [...own.uris.keys()]) {
          this.review(own, uri).catch((error: unknown) =>
            this.log.warn('a subscription could not be followed to its member', { err: error }),
          );
        }
      }
    });
  }

  /** The member may be another one now, or gone. */
  private async review(own: Subscribed, uri: string): Promise<void> {
    const route = await this.routeNow(own, uri);
    const before = own.uris.get(uri);
    if (!before || !('stop' in before) || !this.isStill(own, uri)) return;
    if (!route?.slot.member?.tellsOfUpdates) return this.drop(own, uri);
    if (before.member === route.slot.member && before.own === route.uri) return;
    before.stop();
    const { kind } = await this.watch(own, uri, route);
    // What happened in between, nobody has seen.
    if (kind === 'subscribed') await this.deliver(own, uri);
  }

  private sweep(): void {
    for (const [key, own] of this.subscribed) {
      own.rounds = this.streams.find(key) ? 0 : own.rounds + 1;
      if (own.rounds > MAX_ROUNDS) this.end(key);
    }
  }

  private isFull({ key, principal }: Subscriber): boolean {
    if ((this.subscribed.get(key)?.uris.size ?? 0) >= MAX_URIS) return true;
    let sum = 0;
    for (const { uris } of this.ofTenant(principal.tenantId)) sum += uris.size;
    return sum >= MAX_URIS_PER_TENANT;
  }

  private *ofTenant(tenant: TenantId): Iterable<Subscribed> {
    for (const own of this.subscribed.values()) if (own.subscriber.principal.tenantId === tenant) yield own;
  }
}
