export {
  type AccessStores,
  type MemoryStores,
  databaseStores,
  documentStores,
  eventOf,
  memoryStores,
} from './access-stores.js';
export { describeApiKeyStore } from './api-key-store.contract.js';
export { type IdentityOptions, type MemoryIdentity, openMemoryIdentity } from './memory-identity.js';
export { type OpenIssuerStore, describeIssuerStore } from './issuer-store.contract.js';
export { MemoryIssuerStore } from './memory.issuer.store.js';
export { type OpenTokens, PUBLIC_URL, openTokens } from './open-tokens.js';
export { type MintOptions, TestIssuer } from './test-issuer.js';
export { MemoryTrail } from './memory-trail.js';
export { MemoryApiKeyStore } from './memory.api-key.store.js';
export { MemoryPrincipalStore } from './memory.principal.store.js';
export { MemoryRoleStore } from './memory.role.store.js';
export { MemoryTenantStore } from './memory.tenant.store.js';
export { describePrincipalStore } from './principal-store.contract.js';
export { describeRoleStore } from './role-store.contract.js';
export { describeTenantStore } from './tenant-store.contract.js';
export { type OpenRecords, describeAuthorizationRecordStore } from './authorization-record-store.contract.js';
