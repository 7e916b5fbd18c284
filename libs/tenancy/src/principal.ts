import type { PrincipalId, TenantId } from '#kernel';

/** What a principal may do inside its tenant. `operator` runs the whole service and stands above tenants. */
export const ROLES = ['operator', 'admin', 'developer', 'caller'] as const;
export type Role = (typeof ROLES)[number];

/**
 * What a credential may be used for, within what its principal may do: `mcp` is seeing and calling, `manage` is the
 * management API and the management tools. OAuth scopes of the same names (RFC 6749, 3.3).
 */
export const SCOPES = ['mcp', 'manage'] as const;
export type Scope = (typeof SCOPES)[number];

/** How a principal has shown who it is. */
export interface Credential {
  /** `none`: the composer runs without authentication, for one developer on loopback. */
  readonly kind: 'none' | 'api_key' | 'token' | 'session';
  /** Names the credential in logs, limits and the audit trail. Never a secret. */
  readonly id: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/**
 * What roles of the tenant's own open, as patterns in which `*` stands for any text and `?` for one character. A
 * principal without one of the built-in roles sees and calls nothing else.
 */
export interface Permissions {
  /** Full names of tools, `<serverId>_<tool>`. */
  readonly tools: readonly string[];
  /** Ids of member servers, all of whose tools are open. */
  readonly servers: readonly string[];
  /** Slugs of virtual servers. */
  readonly virtualServers: readonly string[];
}

/** Who calls. Made from a verified credential, and from nothing else, by `access`. */
export interface Principal {
  readonly id: PrincipalId;
  readonly tenantId: TenantId;
  /** Built-in roles and the tenant's own ones. */
  readonly roles: readonly string[];
  readonly scopes: readonly Scope[];
  /** What its own roles open, all of them together. */
  readonly permissions: Permissions;
  readonly credential: Credential;
}

export const NO_PERMISSIONS: Permissions = { tools: [], servers: [], virtualServers: [] };

/** Whether the principal holds at least one of `roles`. */
export function holdsAny(principal: Pick<Principal, 'roles'>, roles: readonly string[]): boolean {
  return principal.roles.some((role) => roles.includes(role));
}

/** Whether the principal holds one of the roles that every tenant has, which open all that no permission closes. */
export function holdsBuiltIn(principal: Pick<Principal, 'roles'>): boolean {
  return holdsAny(principal, ROLES);
}
