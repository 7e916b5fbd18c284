export { Clock } from './clock.js';
export { ComposerError, type ErrorCode, type ErrorDetail, type Fault } from './composer.error.js';
export { type SchemaIssue, faultsOf } from './faults.js';
export {
  type MemberRef,
  type PrincipalId,
  type ServerId,
  type TenantId,
  memberKey,
  principalId,
  serverId,
  tenantId,
} from './ids.js';
export { type Json, type JsonObject, isObject } from './json.js';
export { endOfJsonString, jsonExcess } from './json-parts.js';
export { parseUrl } from './urls.js';
