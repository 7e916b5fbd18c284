export { offerOf } from '../src/member-offer.js';
export {
  type GuardedMember,
  type Kind,
  KINDS,
  type SeenRequest,
  UNAUTHORIZED,
  startGuardedMember,
} from './guarded-member.js';
export { clientOf } from './client-of.js';
export { type OpenPool, type OpenPoolOptions, openPool } from './open-pool.js';
export { type GivenAnswer, RecordingReply } from './recording-reply.js';
export { SHOP_SDL } from './shop-schema.js';
export { type Shop, startShop } from './shop.js';
export { importDocument } from '../src/openapi/import-document.js';
export { type ComparedRequest, comparedRequest } from './oracle/compared-request.js';
export { composerArguments } from './oracle/composer-arguments.js';
export { MetDifferences } from './oracle/known-differences.js';
export { type PlacedValues, RequestOracle } from './oracle/request-oracle.js';
export { sampledOperations } from './oracle/sampled-values.js';
export { type McpOrigin, mcpOrigin } from './mcp-origin.js';
export { type OpenStream, type SseOrigin, sseOrigin } from './sse-origin.js';
