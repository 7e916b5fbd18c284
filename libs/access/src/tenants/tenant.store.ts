import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';

/** Bounds of what one tenant may use, where they differ from the operator's defaults. */
export interface TenantLimits {
  /** Requests per second, over all its principals, in the long run. */
  readonly requestsPerSecond?: number;
  /** Requests that may come at once before that counts. */
  readonly burst?: number;
  /** Calls that may be under way at the same time in one process. */
  readonly concurrentCalls?: number;
}

export interface Tenant {
  readonly id: TenantId;
  /** The name in addresses and on the command line: 1 to 63 lower-case letters, digits and hyphens. Never changes. */
  readonly slug: string;
  readonly name: string;
  readonly limits: TenantLimits;
  /** `strict`: a tool call is answered only after it is recorded. `batched`: at most one second later. */
  readonly auditMode: 'batched' | 'strict';
  /** Since when nobody of the tenant is let in; absent for a tenant that works. */
  readonly suspendedAt?: Date;
  readonly version: number;
  readonly createdAt: Date;
}

export type TenantDraft = Pick<Tenant, 'id' | 'slug' | 'name'>;

/**
 * Durable home of the tenants. For operators and for finding out who calls: the one store that no tenant is passed to.
 * What changes a tenant is recorded in the trail of the default tenant, in the same transaction; changes announce the
 * topic `access` of the tenant.
 */
export abstract class TenantStore {
  /** Ordered by slug. */
  abstract list(): Promise<readonly Tenant[]>;
  abstract find(id: TenantId): Promise<Tenant | undefined>;
  abstract findBySlug(slug: string): Promise<Tenant | undefined>;
  /** @throws DuplicateTenantError */
  abstract insert(draft: TenantDraft, event: AuditEvent): Promise<Tenant>;
  /** Writes only if the stored version is `tenant.version - 1`. @throws ConflictError, UnknownTenantError */
  abstract replace(tenant: Tenant, event: AuditEvent): Promise<Tenant>;
  /** Removes the tenant and everything that belongs to it. False if there was none. */
  abstract remove(id: TenantId, event: AuditEvent): Promise<boolean>;
}
