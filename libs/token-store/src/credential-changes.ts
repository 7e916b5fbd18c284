import { ChangeFeed } from '#persistence';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { ChangeWaits } from './change-waits.js';
import { LiveTokens } from './live-tokens.js';
import { CREDENTIALS, TokenStore } from './token-store.js';

/** Follows what any process changes: wakes whoever waits for it, and forgets what is not there any more. */
@Injectable()
export class CredentialChanges implements OnModuleInit, OnApplicationShutdown {
  private stop: () => void = () => undefined;

  constructor(
    private readonly feed: ChangeFeed,
    private readonly store: TokenStore,
    private readonly live: LiveTokens,
    private readonly waits: ChangeWaits,
  ) {}

  onModuleInit(): void {
    this.stop = this.feed.onChange(({ tenantId, topic }) =>
      topic === CREDENTIALS ? this.follow(tenantId) : undefined,
    );
  }

  onApplicationShutdown(): void {
    this.stop();
    this.live.clear();
  }

  /** Rejects when the store is away; then it is told again. */
  private async follow(tenant: TenantId): Promise<void> {
    const ids = this.live.changed(tenant);
    this.waits.wake(tenant);
    if (ids.length > 0) this.live.compare(tenant, ids, await this.store.marks(tenant, ids));
  }
}
