export { AccessChanges } from './access-changes.js';
export { AccessDirectory, type PrincipalOptions } from './access-directory.js';
export { AccessManagementModule } from './access-management.module.js';
export { type AccessConfig, accessConfig } from './access.config.js';
export {
  ConflictError,
  ForbiddenError,
  ForeignOriginError,
  MalformedCredentialError,
  RouteWithoutPolicyError,
  ScopeInsufficientError,
  TooManyAttemptsError,
  UnauthenticatedError,
} from './access.errors.js';
export { AccessModule } from './access.module.js';
export { CallerIdentity, type IdentifiableRequest, type Verdict } from './caller-identity.js';
export { RequestOrigin } from './request-origin.js';
export { type DeclaredRoute, RoutePolicyCheck } from './route-policy-check.js';
export { type Tenant, type TenantLimits, TenantStore } from './tenants/tenant.store.js';
