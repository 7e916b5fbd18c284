import { ForbiddenError, PrincipalStore, TenantStore } from '#access';
import { type TenantId, principalId, serverId } from '#kernel';
import { UnknownTenantError } from '#persistence';
import { type Principal, holdsAny } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { RevocationTargetError } from './kill-switch.errors.js';
import type { RevocationTarget } from './revocation.js';

/** No control characters, which no name has and no database takes. */
const name = z
  .string()
  .max(2_048)
  .regex(/^[^\p{C}]+$/u)
  .optional();
const requestSchema = z.strictObject({ tenant: name, server: name, principal: name, issuer: name });

const SHAPE =
  'name one of tenant, server, principal and issuer; a tenant, by its slug, besides one of the others says where that is';

/** From what somebody asks to stop to what that is, as far as it is theirs to stop. */
@Injectable()
export class RevocationTargets {
  constructor(
    private readonly tenants: TenantStore,
    private readonly principals: PrincipalStore,
  ) {}

  /**
   * @param by who asks over the network; absent: the operator on the host
   * @throws RevocationTargetError, UnknownTenantError, ForbiddenError
   */
  async targetOf(request: unknown, by?: Principal): Promise<RevocationTarget> {
    const { success, data } = requestSchema.safeParse(request);
    if (!success) throw new RevocationTargetError(SHAPE);
    const { tenant, server, principal, issuer } = data;
    const isOperator = !by || holdsAny(by, ['operator']);
    if ([server, principal, issuer].filter((one) => one !== undefined).length > 1)
      throw new RevocationTargetError(SHAPE);
    const named = tenant === undefined ? undefined : await this.tenantOf(tenant, isOperator ? undefined : by.tenantId);
    if (issuer !== undefined) {
      const where = named ?? (isOperator ? undefined : by.tenantId);
      return { kind: 'issuer', issuer, ...(where ? { tenantId: where } : {}) };
    }
    const tenantId = named ?? by?.tenantId;
    if (tenantId === undefined) throw new RevocationTargetError(SHAPE);
    if (server !== undefined) return { kind: 'server', tenantId, id: serverId(server) };
    if (principal !== undefined) return this.principalOf(tenantId, principal, isOperator);
    if (named === undefined) throw new RevocationTargetError(SHAPE);
    if (!isOperator) throw new ForbiddenError();
    return { kind: 'tenant', tenantId };
  }

  /** A tenant of somebody else looks like one that there is not. */
  private async tenantOf(slug: string, own: TenantId | undefined): Promise<TenantId> {
    const tenant = await this.tenants.findBySlug(slug);
    if (!tenant || (own !== undefined && tenant.id !== own)) throw new UnknownTenantError();
    return tenant.id;
  }

  /** An operator is for operators alone. */
  private async principalOf(tenantId: TenantId, id: string, isOperator: boolean): Promise<RevocationTarget> {
    if (!isOperator) {
      const principal = await this.principals.find(tenantId, principalId(id));
      if (principal?.roles.includes('operator')) throw new ForbiddenError();
    }
    return { kind: 'principal', tenantId, id: principalId(id) };
  }
}
