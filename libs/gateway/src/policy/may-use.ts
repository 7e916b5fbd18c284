import type { VirtualServer } from '#registry';
import { type Principal, holdsAny, holdsBuiltIn } from '#tenancy';
import { isUnlimited } from './tool-policy.js';
import { NamePatterns } from './name-patterns.js';

/**
 * Whether a virtual server is open to the principal: one that names roles to those and to administrators, any other one
 * to the roles that every tenant has. The tenant's own roles open one by a pattern too.
 */
export function mayUse(principal: Principal, { slug, roles }: VirtualServer): boolean {
  if (isUnlimited(principal)) return true;
  if (roles ? holdsAny(principal, roles) : holdsBuiltIn(principal)) return true;
  return !holdsBuiltIn(principal) && new NamePatterns(principal.permissions.virtualServers).match(slug);
}
