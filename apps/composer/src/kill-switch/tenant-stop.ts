import { TenantStore } from '#access';
import type { TenantId } from '#kernel';
import { UnknownTenantError } from '#persistence';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { insist } from './insistence.js';
import { MemberCredentialsLeft } from './member-credentials-left.js';
import type { Cut } from './revocation.js';

/** Suspends a tenant: nobody of it is let in, and nothing of it is called. */
@Injectable()
export class TenantStop {
  constructor(
    private readonly tenants: TenantStore,
    private readonly credentials: MemberCredentialsLeft,
  ) {}

  /** @throws UnknownTenantError */
  async stop(tenantId: TenantId, actor: Actor): Promise<Cut> {
    const isOld = await insist(() => this.suspend(tenantId, actor));
    return {
      stopped: [{ kind: 'tenant', tenantId, id: tenantId, isOld }],
      remaining: await this.credentials.ofTenant(tenantId),
    };
  }

  private async suspend(id: TenantId, actor: Actor): Promise<boolean> {
    const tenant = await this.tenants.find(id);
    if (!tenant) throw new UnknownTenantError();
    if (tenant.suspendedAt) return true;
    const suspendedAt = new Date();
    await this.tenants.replace(
      { ...tenant, suspendedAt, version: tenant.version + 1 },
      {
        action: 'tenant.suspended',
        actor,
        target: `tenant:${id}`,
        after: { suspended_at: suspendedAt.toISOString() },
        detail: { kill_switch: true },
      },
    );
    return false;
  }
}
