import type { TenantId } from '#kernel';
import { type Actor, CLI, type Principal, SCOPES, type Scope, actorOf, holdsAny } from '#tenancy';
import { ForbiddenGrantError } from './access.errors.js';

/** Who changes something in a tenant, and by what right. */
export interface Authority {
  readonly tenantId: TenantId;
  readonly actor: Actor;
  readonly roles: readonly string[];
  readonly scopes: readonly Scope[];
}

export const authorityOf = (principal: Principal): Authority => ({
  tenantId: principal.tenantId,
  actor: actorOf(principal),
  roles: principal.roles,
  scopes: principal.scopes,
});

/** Whoever works on the host, with the database and the keys at hand, is the operator. */
export const hostAuthority = (tenantId: TenantId): Authority => ({
  tenantId,
  actor: CLI,
  roles: ['operator'],
  scopes: SCOPES,
});

/**
 * Nobody gives, nor gets hold of, a role that is not theirs: an operator all, an administrator all but `operator`.
 *
 * @throws ForbiddenGrantError
 */
export function refuseGrant(by: Authority, roles: readonly string[]): void {
  if (holdsAny(by, ['operator'])) return;
  const mayGive = (role: string): boolean => (holdsAny(by, ['admin']) ? role !== 'operator' : by.roles.includes(role));
  if (!roles.every(mayGive)) throw new ForbiddenGrantError('this role is not yours to give or to take over');
}

/** @throws ForbiddenGrantError */
export function refuseScopes(by: Authority, scopes: readonly Scope[]): void {
  if (!scopes.every((scope) => by.scopes.includes(scope))) {
    throw new ForbiddenGrantError('a credential gives no scope that it does not have itself');
  }
}
