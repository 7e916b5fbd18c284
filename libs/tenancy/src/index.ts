export { type Actor, CLI, CONFIG_FILE, SYSTEM, actorOf } from './actor.js';
export { CurrentPrincipal, type RequestWithPrincipal } from './current-principal.decorator.js';
export { DEFAULT_TENANT } from './default-tenant.js';
export {
  type Credential,
  NO_PERMISSIONS,
  type Permissions,
  type Principal,
  type Role,
  ROLES,
  SCOPES,
  type Scope,
  holdsAny,
  holdsBuiltIn,
} from './principal.js';
export { AllowPrincipals, AllowRoles, Public, ROUTE_POLICY, type RoutePolicy, scopeOf } from './route-policy.js';
