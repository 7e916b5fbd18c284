export { injectBadDay } from './cloudant/bad-day.js';
export { type Fault, type FaultRule } from './cloudant/cloudant-faults.js';
export { type CloudantServer, cloudantEnvironment, openCloudantServer } from './cloudant/cloudant-server.js';
export { type OpenCloudantDocuments, openCloudantDocuments } from './cloudant/open-cloudant-documents.js';
export { CompiledCopy } from './compiled-copy.js';
export { holdCompiledEngine } from './compiled-engine.js';
export { createTenantDocument } from './create-tenant-document.js';
export { describeDataKeyStore } from './data-key-store.contract.js';
export { type OpenDocuments, describeDocuments } from './documents.contract.js';
export { copyEmbeddedTemplate, openEmbeddedDatabase } from './embedded-database.js';
export { type Open, describeOnEveryDatabase } from './every-database.js';
export { MemoryChangeFeed } from './memory-change-feed.js';
export { MemoryDocuments } from './memory.documents.js';
export { MemoryDataKeyStore } from './memory.data-key.store.js';
export { openHandleSealer } from './open-handle-sealer.js';
export { type OpenKeyRing, openDocumentsKeyRing, openKeyRing } from './open-key-ring.js';
export { openMemorySealer } from './memory-sealer.js';
export { namedKeysOn } from './named-keys-on.js';
export { type OpenDocumentsChangeFeed, openDocumentsChangeFeed } from './open-documents-change-feed.js';
export { type OpenChangeFeed, openChangeFeed } from './open-change-feed.js';
export { StaleDocuments } from './stale.documents.js';
export { type OpenPresence, openPresence } from './open-presence.js';
export {
  type OpenDatabase,
  type OpenOptions,
  createTenant,
  openDatabase,
  randomKeys,
  randomRing,
  ringOf,
  ringProvider,
  sealerOn,
} from './open-database.js';
export {
  type FreshOptions,
  asSuperuser,
  createRole,
  openFresh,
  openPostgresDatabase,
  urlOf,
} from './postgres-database.js';
export { until } from './until.js';
export { type WrappedKeysUnderTest, describeWrappedKeys } from './wrapped-keys.contract.js';
