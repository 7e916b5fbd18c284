import { SetMetadata } from '@nestjs/common';
import type { Role } from './principal.js';

/** Who may call a route. A route without a policy is never served: the process refuses to start. */
export type RoutePolicy = { readonly kind: 'public' } | { readonly kind: 'roles'; readonly roles: readonly Role[] };

export const ROUTE_POLICY = 'composer:route-policy';

/** Anybody may call this, without a credential. */
export const Public = () => SetMetadata<string, RoutePolicy>(ROUTE_POLICY, { kind: 'public' });

/** Principals that hold one of these roles may call this. */
export const AllowRoles = (...roles: readonly Role[]) =>
  SetMetadata<string, RoutePolicy>(ROUTE_POLICY, { kind: 'roles', roles });
