import type { PrincipalId, TenantId } from '#kernel';

/** What a principal may do inside its tenant. `operator` runs the whole service and stands above tenants. */
export const ROLES = ['operator', 'admin', 'developer', 'caller'] as const;
export type Role = (typeof ROLES)[number];

/** Who calls. Made from a verified credential, and from nothing else, by `access`. */
export interface Principal {
  readonly id: PrincipalId;
  readonly tenantId: TenantId;
  /** Built-in roles and the tenant's own ones. */
  readonly roles: readonly string[];
}

/** Whether the principal holds at least one of `roles`. */
export function holdsAny(principal: Principal, roles: readonly string[]): boolean {
  return principal.roles.some((role) => roles.includes(role));
}
