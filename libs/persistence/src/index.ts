export { type Implementations, byDatabase, onlyOn } from './by-database.js';
export { ChangeFeed, type ChangeListener, type Replica } from './changes/change-feed.js';
export { DocumentChanges } from './changes/document-changes.js';
export { DatabaseLink } from './database-link.js';
export { Database } from './database/database.js';
export { isForeignKeyViolation, isUniqueViolation } from './database/database-faults.js';
export { inEveryTenant } from './database/in-every-tenant.js';
export { Migrator } from './database/migrator.js';
export { ProcessPresence } from './database/process-presence.js';
export { type Change, Transaction } from './database/transaction.js';
export {
  type DocumentRange,
  type DocumentRef,
  Documents,
  OPERATOR,
  type StoredDocument,
} from './documents/documents.js';
export { TENANT_DOCUMENTS, tenantDocument, tenantExists, tenantIn } from './documents/tenant-document.js';
export { writeUntilTaken } from './documents/write-until-taken.js';
export { EmbeddedDatabase, claimEmbeddedDatabase, startEmbeddedDatabase } from './embedded/index.js';
export { ExpirySweep } from './expiry-sweep.js';
export { MigrationModule } from './migration.module.js';
export {
  type CloudantConfig,
  type DatabaseConfig,
  type EmbeddedConfig,
  type KeysConfig,
  type PostgresConfig,
  databaseConfig,
  keysConfig,
} from './persistence.config.js';
export {
  CommitUnknownError,
  DataDirectoryLockedError,
  DocumentConflictError,
  DatabaseUnavailableError,
  EmbeddedStartError,
  KeyDroppedError,
  KeyFileError,
  KeyInUseError,
  KeyMissingError,
  KeyNotEverywhereError,
  KeysLeftError,
  RingKeyUnknownError,
  RotationUnfinishedError,
  KeyWrongError,
  MigrationError,
  NestedTransactionError,
  SealBrokenError,
  SealTooLongError,
  TransactionLostError,
  UnknownTenantError,
  UnsafeRoleError,
} from './persistence.errors.js';
export { PersistenceModule } from './persistence.module.js';
export { addKeyToFile } from './rotation/add-key-to-file.js';
export { BackgroundRewrap } from './rotation/background-rewrap.js';
export { holdKey } from './rotation/hold-key.js';
export { KeyRingKeeper } from './rotation/key-ring-keeper.js';
export { type Dropped, type KeyCounts, KeyRotation, type Rotated } from './rotation/key-rotation.js';
export { DocumentsWrappedKeys } from './rotation/documents.wrapped-keys.js';
export { PostgresWrappedKeys } from './rotation/postgres.wrapped-keys.js';
export { WrappedKeyStores } from './rotation/wrapped-key-stores.js';
export { type Rewrapping, type StoredWrapping, WrappedKeys } from './rotation/wrapped-keys.js';
export { dataKeysRef } from './sealing/documents.data-key.store.js';
export { HandleSealer } from './sealing/handle-sealer.js';
export { KeyCheck } from './sealing/key-check.js';
export { refuseDropped } from './sealing/key-records.js';
export { KeyRing } from './sealing/key-ring.js';
export { KeyWrapper, type WrappedKey } from './sealing/key-wrapper.js';
export { NamedKeys } from './sealing/named-keys.js';
export { type SealRef, Sealer } from './sealing/sealer.js';
