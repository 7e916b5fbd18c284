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
/** Changes that come faster are looked at together. */
const PACE_MS = 1_000;

/**
 * What becomes of stored credentials, whichever process has changed them. Looks at the tenants that are served here, and
 * there at the members whose credentials can end.
 */
@Injectable()
export class KeptCredentialFeed extends CredentialFeed implements OnModuleInit, OnApplicationShutdown {
  private readonly listeners = new Set<Listener>();
  /** As they were when they were last looked at. */
  private readonly known = new Map<TenantId, ReadonlyMap<string, Told>>();
  private readonly due = new Map<TenantId, NodeJS.Timeout>();
  private readonly looking = new Map<TenantId, Promise<void>>();
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
      if (topic === 'credentials') this.lookSoon(tenantId, 0);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    for (const timer of this.due.values()) clearTimeout(timer);
    await Promise.all(this.looking.values());
  }

  override onNews(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private lookSoon(tenant: TenantId, delayMs: number): void {
    if (this.due.has(tenant)) return;
    const isPaced = this.looking.has(tenant);
    const timer = setTimeout(
      () => {
        this.due.delete(tenant);
        const look = this.look(tenant)
          .catch((error: unknown) => {
            this.log.warn('how credentials stand could not be found out; it is tried again', { tenant, err: error });
            this.lookSoon(tenant, PACE_MS);
          })
          .finally(() => this.looking.delete(tenant));
        this.looking.set(tenant, look);
      },
      isPaced ? PACE_MS : delayMs,
    );
    timer.unref();
    this.due.set(tenant, timer);
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

const isRecent = ({ updatedAt }: CredentialStanding): boolean => Date.now() - updatedAt.getTime() < RECENT_MS;

const keyOf = ({ key: { serverId, principalId, issuer, fingerprint } }: CredentialStanding): string =>
  JSON.stringify([serverId, principalId ?? null, issuer, fingerprint]);

function newsOf({ key }: CredentialStanding, state: Told): CredentialNews {
  const { tenantId, serverId, principalId } = key;
  return { member: { tenantId, serverId }, state, ...(principalId === undefined ? {} : { principalId }) };
}
