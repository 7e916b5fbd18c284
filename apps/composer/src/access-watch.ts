import type { IncomingMessage } from 'node:http';
import { CallerIdentity } from '#access';
import { OpenExchanges } from '#gateway';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { ChangeFeed } from '#persistence';
import type { Principal } from '#tenancy';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

/** How soon it is tried again where access could not say who may still call. */
const AGAIN_MS = 1_000;

/**
 * Ends what is being answered for those who may call no more. After every change of who may call in a tenant each
 * credential in use there is presented to access once more, as it came.
 */
@Injectable()
export class AccessWatch implements OnModuleInit, OnApplicationShutdown {
  private readonly running = new Map<TenantId, Promise<void>>();
  /** Changes that come while one is being followed are followed together. */
  private readonly next = new Map<TenantId, Promise<void>>();
  private readonly timers = new Map<TenantId, NodeJS.Timeout>();
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly feed: ChangeFeed,
    private readonly identity: CallerIdentity,
    private readonly exchanges: OpenExchanges,
    private readonly log: Log,
  ) {}

  /** Later than access, which must have forgotten what it knew when it is asked: modules start in this order. */
  onModuleInit(): void {
    this.stopListening = this.feed.onChange(({ topic, tenantId }) =>
      topic === 'access' ? this.follow(tenantId) : undefined,
    );
  }

  onApplicationShutdown(): void {
    this.stopListening();
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  /** Resolves when everything that began before this call and must end has ended. */
  private follow(tenant: TenantId): Promise<void> {
    const next = this.next.get(tenant);
    if (next) return next;
    const before = this.running.get(tenant);
    if (!before) return this.begin(tenant);
    const following = before.then(() => {
      this.next.delete(tenant);
      return this.begin(tenant);
    });
    this.next.set(tenant, following);
    return following;
  }

  private begin(tenant: TenantId): Promise<void> {
    const run = this.recheck(tenant).finally(() => {
      if (this.running.get(tenant) === run) this.running.delete(tenant);
    });
    this.running.set(tenant, run);
    return run;
  }

  private async recheck(tenant: TenantId): Promise<void> {
    try {
      const ended = await this.exchanges.recheck(tenant, (request) => this.principalNow(request));
      if (ended > 0) this.log.info('calls and streams were ended: who made them may call no more', { tenant, ended });
    } catch (error) {
      this.log.warn('whether calls under way may go on could not be found out; it is tried again', {
        tenant,
        err: error,
      });
      this.again(tenant);
    }
  }

  private async principalNow(request: IncomingMessage): Promise<Principal | undefined> {
    const { principal, refusal } = await this.identity.identify(request);
    // Only a verdict ends anything: an outage is none, and neither is a limit.
    if (refusal && (refusal.status >= 500 || refusal.status === 429)) throw refusal;
    return principal;
  }

  private again(tenant: TenantId): void {
    clearTimeout(this.timers.get(tenant));
    const timer = setTimeout(() => {
      this.timers.delete(tenant);
      void this.follow(tenant);
    }, AGAIN_MS);
    timer.unref();
    this.timers.set(tenant, timer);
  }
}
