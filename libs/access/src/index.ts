export { type AccessConfig, accessConfig } from './access.config.js';
export { ForbiddenError, ForeignOriginError, RouteWithoutPolicyError, UnauthenticatedError } from './access.errors.js';
export { AccessModule } from './access.module.js';
export { CallerIdentity } from './caller-identity.js';
export { RequestOrigin } from './request-origin.js';
export { type DeclaredRoute, RoutePolicyCheck } from './route-policy-check.js';
