import { AuthAdapter } from '#auth';
import { MemberPool, type MemberSlot } from '#builder';
import { CredentialFeed, type CredentialNews } from '#gateway';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { ChangeFeed } from '#persistence';
import { type CredentialStanding, TokenKeeper } from '#token-store';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

type Listener = (news: CredentialNews) => void;
type Told = CredentialNews['state'];

/** What is older was told by the process that was there then. */
const RECENT_MS = 60_000;
/** After each look, so that changes which come faster are looked at together; or nine times as long as it took. */
const REST_MS = 1_000;
const REST_SHARE = 9;

/**
 * What becomes of stored credentials, whichever process has changed them. Looks at the tenants that are served here, and
 * there at the members whose credentials can end.
 */
@Injectable()
export class KeptCredentialFeed extends CredentialFeed implements OnModuleInit, OnApplicationShutdown {
  private readonly listeners = new Set<Listener>();
  /** As they were when they were last looked at. */
  private readonly known = new Map<TenantId, ReadonlyMap<string, Told>>();
  /** Those that are looked at, or where a look has ended a moment ago. */
  private readonly busy = new Set<TenantId>();
  /** Those of these where something has changed since. */
  private readonly due = new Set<TenantId>();
  private readonly looking = new Set<Promise<void>>();
  private readonly rests = new Set<NodeJS.Timeout>();
  private isOver = false;
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly feed: ChangeFeed,
    private readonly keeper: TokenKeeper,
    private readonly auth: AuthAdapter,
    private readonly pool: MemberPool,
    private readonly log: Log,
  ) {
    super();
  }

  onModuleInit(): void {
    this.stopListening = this.feed.onChange(({ topic, tenantId }) => {
      if (topic === 'credentials') this.lookSoon(tenantId);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    this.isOver = true;
    for (const rest of this.rests) clearTimeout(rest);
    await Promise.all(this.looking);
  }

  override onNews(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private lookSoon(tenant: TenantId): void {
    if (this.busy.has(tenant)) return void this.due.add(tenant);
    this.busy.add(tenant);
    const looking = this.lookNow(tenant).finally(() => this.looking.delete(looking));
    this.looking.add(looking);
  }

  private async lookNow(tenant: TenantId): Promise<void> {
    const begunAt = performance.now();
    try {
      await this.look(tenant);
    } catch (error) {
      this.log.warn('how credentials stand could not be found out; it is tried again', { tenant, err: error });
      this.due.add(tenant);
    }
    if (!this.isOver) this.rest(tenant, Math.max(REST_MS, (performance.now() - begunAt) * REST_SHARE));
  }

  private rest(tenant: TenantId, ms: number): void {
    const rest = setTimeout(() => {
      this.rests.delete(rest);
      this.busy.delete(tenant);
      if (this.due.delete(tenant)) this.lookSoon(tenant);
    }, ms).unref();
    this.rests.add(rest);
  }

  private async look(tenant: TenantId): Promise<void> {
    if (!this.pool.isLoaded(tenant)) return void this.known.delete(tenant);
    const before = this.known.get(tenant);
    const now = new Map<string, Told>();
    const news: CredentialNews[] = [];
    for (const slot of this.pool.members(tenant).filter((one) => this.isRenewed(one))) {
      for (const standing of await this.keeper.standings(slot.ref)) {
        const [key, state] = [keyOf(standing), toldOf(standing)];
        const last = before?.get(key);
        const told = state ?? last;
        if (told !== undefined) now.set(key, told);
        const isNew = last === undefined ? isRecent(standing) : last !== state;
        if (state !== undefined && isNew) news.push(newsOf(standing, state));
      }
    }
    this.known.set(tenant, now);
    for (const one of news) this.tell(one);
  }

  private tell(news: CredentialNews): void {
    const { member, state } = news;
    if (state !== 'live')
      this.log.warn('a credential has failed', { tenant: member.tenantId, server: member.serverId, state });
    for (const listener of this.listeners) listener(news);
  }

  private isRenewed({ config }: MemberSlot): boolean {
    if (!config) return false;
    return [config, ...Object.values(config.tool_auth)].some(({ auth_strategy, auth }) =>
      this.auth.isRenewed({ strategy: auth_strategy, settings: auth }),
    );
  }
}

/** Undefined while it is on the way from one to another. */
const toldOf = ({ state }: CredentialStanding): Told | undefined => (state === 'refreshing' ? undefined : state);

const isRecent = ({ ageMs }: CredentialStanding): boolean => ageMs < RECENT_MS;

const keyOf = ({ key: { serverId, principalId, issuer, fingerprint } }: CredentialStanding): string =>
  JSON.stringify([serverId, principalId ?? null, issuer, fingerprint]);

function newsOf({ key }: CredentialStanding, state: Told): CredentialNews {
  const { tenantId, serverId, principalId } = key;
  return { member: { tenantId, serverId }, state, ...(principalId === undefined ? {} : { principalId }) };
}
