import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import type { Permissions } from '#tenancy';

/** How many roles of its own a tenant has at most. */
export const MAX_ROLES = 500;

/** A role of a tenant's own, besides the built-in ones. */
export interface StoredRole {
  readonly tenantId: TenantId;
  /** Not one of the built-in names. */
  readonly name: string;
  readonly description: string;
  readonly permissions: Permissions;
  readonly version: number;
  readonly createdAt: Date;
}

export type RoleDraft = Omit<StoredRole, 'createdAt'>;

/** Durable home of the tenants' own roles. Changes are recorded in the same transaction, and announce the topic `access`. */
export abstract class RoleStore {
  /** Ordered by name. */
  abstract list(tenant: TenantId): Promise<readonly StoredRole[]>;
  abstract find(tenant: TenantId, name: string): Promise<StoredRole | undefined>;
  /** Version 1 must be new, any other one must follow the stored one. @throws ConflictError, TooManyRolesError */
  abstract write(draft: RoleDraft, event: AuditEvent): Promise<StoredRole>;
  abstract remove(tenant: TenantId, name: string, event: AuditEvent): Promise<boolean>;
}
