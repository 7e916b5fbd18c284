import { ChangeFeed } from '#persistence';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { ChangeWaits } from './change-waits.js';
import { LiveTokens } from './live-tokens.js';
import { CREDENTIALS, TokenStore } from './token-store.js';

/** Follows what any process changes: wakes whoever waits for it, and forgets what is not there any more. */
@Injectable()
export class CredentialChanges implements OnModuleInit, OnApplicationShutdown {
  private stops: readonly (() => void)[] = [];

  constructor(
    private readonly feed: ChangeFeed,
    private readonly store: TokenStore,
    private readonly live: LiveTokens,
    private readonly waits: ChangeWaits,
  ) {}

  onModuleInit(): void {
    const on = (listener: (tenant: TenantId) => void | Promise<void>): (() => void) =>
      this.feed.onChange(({ tenantId, topic }) => (topic === CREDENTIALS ? listener(tenantId) : undefined));
    // Of its own, because it never waits: whoever forgets on the same news gets nothing old from here meanwhile.
    this.stops = [on((tenant) => this.live.doubt(tenant)), on((tenant) => this.follow(tenant))];
  }

  onApplicationShutdown(): void {
    for (const stop of this.stops) stop();
    this.live.clear();
  }

  /** Rejects when the store is away; then it is told again. */
  private async follow(tenant: TenantId): Promise<void> {
    this.waits.wake(tenant);
    const doubted = this.live.doubted(tenant);
    if (doubted.ids.length > 0) this.live.compare(tenant, doubted, await this.store.marks(tenant, doubted.ids));
  }
}
