import { TenantStore } from '#access';
import { MemberPool } from '#builder';
import type { TenantId } from '#kernel';
import { ChangeFeed } from '#persistence';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

/** Lets the members go of a tenant that is suspended or gone: nobody of it is let in any more. */
@Injectable()
export class SuspendedTenants implements OnModuleInit, OnApplicationShutdown {
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly feed: ChangeFeed,
    private readonly tenants: TenantStore,
    private readonly pool: MemberPool,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.feed.onChange(({ tenantId, topic }) =>
      topic === 'access' && this.pool.isWanted(tenantId) ? this.look(tenantId) : undefined,
    );
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  private async look(id: TenantId): Promise<void> {
    const tenant = await this.tenants.find(id);
    if (!tenant || tenant.suspendedAt) await this.pool.unload(id);
  }
}
