export { AccessChanges } from './directory/access-changes.js';
export { AccessDirectory, type PrincipalOptions } from './directory/access-directory.js';
export { AccessManagementModule } from './access-management.module.js';
export { checked, newTenantSchema, newKeySchema, policySchema, roleSchema } from './access-input.js';
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
export { type Authority, hostAuthority } from './authority.js';
export { AuthorizationServerListener } from './authorization-server/authorization-server.listener.js';
export { CallerIdentity, type IdentifiableRequest, type Verdict } from './identity/caller-identity.js';
export { ApiKeyAdministration, type IssuedKey, keyView } from './keys/api-key-administration.js';
export { tenantOfApiKey } from './keys/api-key-text.js';
export { ApiKeyStore, type StoredApiKey } from './keys/api-key.store.js';
export { UnknownKeyError } from './keys/keys.errors.js';
export { PrincipalAdministration, principalView } from './principals/principal-administration.js';
export { PrincipalStore, type StoredPrincipal } from './principals/principal.store.js';
export { UnknownPrincipalError } from './principals/principals.errors.js';
export { Challenges } from './edge/challenges.js';
export { IssuerRegistry, type IssuerChange, type IssuerView } from './issuers/issuer-registry.js';
export { IssuerStore, type StoredIssuer } from './issuers/issuer.store.js';
export { Issuers, type TrustedIssuer } from './issuers/issuers.js';
export { type Admission, McpGate } from './edge/mcp-gate.js';
export { type McpPath, parseMcpPath } from './edge/mcp-resource.js';
export { type OauthConfig, oauthConfig } from './oauth.config.js';
export { CallSlots } from './limits/call-slots.js';
export type { Slot, Turn } from './limits/fair-slots.js';
export { type LimitsConfig, limitsConfig } from './limits/limits.config.js';
export { RateLimitedError } from './limits/limits.errors.js';
export { RequestLimits } from './limits/request-limits.js';
export { RequestOrigin } from './edge/request-origin.js';
export { type DeclaredRoute, RoutePolicyCheck } from './edge/route-policy-check.js';
export { RoleAdministration, roleView } from './roles/role-administration.js';
export { TenantAdministration } from './tenants/tenant-administration.js';
export { type Tenant, type TenantLimits, TenantStore } from './tenants/tenant.store.js';
