export { CurrentPrincipal, type RequestWithPrincipal } from './current-principal.decorator.js';
export { DEFAULT_TENANT } from './default-tenant.js';
export { type Principal, type Role, ROLES, holdsAny } from './principal.js';
export { AllowRoles, Public, ROUTE_POLICY, type RoutePolicy } from './route-policy.js';
