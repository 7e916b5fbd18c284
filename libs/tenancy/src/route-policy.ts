import { SetMetadata } from '@nestjs/common';
import type { Role, Scope } from './principal.js';

/** Who may call a route. A route without a policy is never served: the process refuses to start. */
export type RoutePolicy =
  | { readonly kind: 'public' }
  | { readonly kind: 'principals' }
  | { readonly kind: 'roles'; readonly roles: readonly Role[] };

export const ROUTE_POLICY = 'composer:route-policy';

/** Anybody may call this, without a credential. */
export const Public = () => SetMetadata<string, RoutePolicy>(ROUTE_POLICY, { kind: 'public' });

/** Every principal may call this, whatever their roles are: the route judges by what it is asked for. */
export const AllowPrincipals = () => SetMetadata<string, RoutePolicy>(ROUTE_POLICY, { kind: 'principals' });

/** Principals that hold one of these roles may call this, with a credential for `scopeOf` the policy. */
export const AllowRoles = (...roles: readonly Role[]) =>
  SetMetadata<string, RoutePolicy>(ROUTE_POLICY, { kind: 'roles', roles });

/** What the credential must be for: a route that is open to callers is part of calling, everything else is management. */
export function scopeOf(policy: Exclude<RoutePolicy, { kind: 'public' }>): Scope {
  return policy.kind === 'principals' || policy.roles.includes('caller') ? 'mcp' : 'manage';
}
