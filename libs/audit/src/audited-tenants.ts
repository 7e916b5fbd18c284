import type { TenantId } from '#kernel';
import { UnknownTenantError } from '#persistence';

export interface AuditedTenant {
  readonly id: TenantId;
  readonly slug: string;
}

/** `strict`: a tool call is answered only after it is recorded. `batched`: it is recorded within a second of its answer. */
export type AuditMode = 'batched' | 'strict';

/** Whose trails there are. */
export abstract class AuditedTenants {
  /** For the operator. Ordered by slug. */
  abstract list(): Promise<readonly AuditedTenant[]>;

  /** How the tool calls of a tenant are recorded; `batched` for one that is not there. */
  abstract modeOf(tenant: TenantId): Promise<AuditMode>;

  /** For the operator. @throws UnknownTenantError */
  async bySlug(slug: string): Promise<AuditedTenant> {
    const tenant = (await this.list()).find((one) => one.slug === slug);
    if (!tenant) throw new UnknownTenantError();
    return tenant;
  }
}
