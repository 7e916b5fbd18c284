import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { IssuerStop } from './issuer-stop.js';
import { PrincipalStop } from './principal-stop.js';
import type { Cut, RevocationTarget } from './revocation.js';
import { ServerStop } from './server-stop.js';
import { TenantStop } from './tenant-stop.js';

/** Every kind of thing that can be stopped. */
@Injectable()
export class Stops {
  constructor(
    private readonly tenants: TenantStop,
    private readonly servers: ServerStop,
    private readonly principals: PrincipalStop,
    private readonly issuers: IssuerStop,
  ) {}

  async stop(target: RevocationTarget, actor: Actor): Promise<Cut> {
    switch (target.kind) {
      case 'tenant':
        return this.tenants.stop(target.tenantId, actor);
      case 'server':
        return this.servers.stop({ tenantId: target.tenantId, serverId: target.id }, actor);
      case 'principal':
        return this.principals.stop(target.tenantId, target.id, actor);
      case 'issuer': {
        const { issuer, tenantId } = target;
        return this.issuers.stop(issuer, { actor, ...(tenantId ? { tenantId } : {}) });
      }
    }
  }
}
