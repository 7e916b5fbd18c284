import { Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { byDatabase, onlyOn } from './by-database.js';
import { ChangeFeed } from './changes/change-feed.js';
import { ChangeNotices } from './changes/change-notices.js';
import { DocumentChanges } from './changes/document-changes.js';
import { DocumentsChangeFeed } from './changes/documents.change-feed.js';
import { PostgresChangeFeed } from './changes/postgres.change-feed.js';
import { CloudantConnection } from './cloudant/cloudant-connection.js';
import { CloudantRanges } from './cloudant/cloudant-ranges.js';
import { CloudantShelf } from './cloudant/cloudant-shelf.js';
import { CloudantDatabaseLink } from './cloudant/cloudant.database-link.js';
import { CloudantDocuments } from './cloudant/cloudant.documents.js';
import { Quorum } from './cloudant/quorum.js';
import { DatabaseLink } from './database-link.js';
import { ApplicationRole } from './database/application-role.js';
import { DatabaseConnection } from './database/database-connection.js';
import { Database } from './database/database.js';
import { DurabilityCheck } from './database/durability-check.js';
import { Migrator } from './database/migrator.js';
import { ProcessPresence } from './database/process-presence.js';
import { PostgresUsers } from './database/postgres-users.js';
import { PostgresDatabaseLink } from './database/postgres.database-link.js';
import { Documents } from './documents/documents.js';
import { NoDocuments } from './documents/no.documents.js';
import { databaseConfig, keysConfig } from './persistence.config.js';
import { BackgroundRewrap } from './rotation/background-rewrap.js';
import { DataKeyWrappings } from './rotation/data-key-wrappings.js';
import { DocumentsDataKeyWrappings } from './rotation/documents-data-key-wrappings.js';
import { DocumentsKeyLedger } from './rotation/documents.key-ledger.js';
import { KeyLedger } from './rotation/key-ledger.js';
import { KeyRewrap } from './rotation/key-rewrap.js';
import { KeyRingKeeper } from './rotation/key-ring-keeper.js';
import { KeyRotation } from './rotation/key-rotation.js';
import { PostgresKeyLedger } from './rotation/postgres.key-ledger.js';
import { WrappedKeyStores } from './rotation/wrapped-key-stores.js';
import { DataKeyKeeper } from './sealing/data-key-keeper.js';
import { DataKeyStore } from './sealing/data-key.store.js';
import { DocumentsDataKeyStore } from './sealing/documents.data-key.store.js';
import { DocumentsKeyCheckStore } from './sealing/documents.key-check.store.js';
import { HandleSealer } from './sealing/handle-sealer.js';
import { KeyCheck } from './sealing/key-check.js';
import { KeyCheckStore } from './sealing/key-check.store.js';
import { KeyProvider } from './sealing/key-provider.js';
import { KeyRingFile } from './sealing/key-ring-file.js';
import { KeyRingWriter } from './sealing/key-ring-writer.js';
import { PostgresDataKeyStore } from './sealing/postgres.data-key.store.js';
import { PostgresKeyCheckStore } from './sealing/postgres.key-check.store.js';
import { KeyWrapper } from './sealing/key-wrapper.js';
import { NamedKeys } from './sealing/named-keys.js';
import { RingKeyProvider } from './sealing/ring.key-provider.js';
import { Sealer } from './sealing/sealer.js';

/**
 * The database and the sealing of secrets. When it is initialised the database is there and up to date, on Postgres the
 * application works as a role that row-level security binds, and the key ring is known to be the right one.
 *
 * What belongs to the other kind of database is made, as everything that only assigns, and never opened.
 *
 * With the embedded database it takes over the one that `startEmbeddedDatabase` has begun to start, if any.
 */
@Module({
  imports: [ConfigModule.forFeature(databaseConfig), ConfigModule.forFeature(keysConfig), ObservabilityModule],
  providers: [
    Clock,
    DatabaseConnection,
    ApplicationRole,
    Migrator,
    Database,
    DurabilityCheck,
    ProcessPresence,
    PostgresUsers,
    CloudantConnection,
    CloudantRanges,
    CloudantShelf,
    Quorum,
    byDatabase(DatabaseLink, { postgres: PostgresDatabaseLink, cloudant: CloudantDatabaseLink }),
    byDatabase(Documents, { postgres: NoDocuments, cloudant: CloudantDocuments }),
    DocumentChanges,
    KeyRingFile,
    HandleSealer,
    { provide: KeyProvider, useClass: RingKeyProvider },
    byDatabase(DataKeyStore, { postgres: PostgresDataKeyStore, cloudant: DocumentsDataKeyStore }),
    DataKeyKeeper,
    Sealer,
    byDatabase(KeyCheckStore, { postgres: PostgresKeyCheckStore, cloudant: DocumentsKeyCheckStore }),
    KeyCheck,
    KeyWrapper,
    NamedKeys,
    KeyRingWriter,
    KeyRingKeeper,
    byDatabase(KeyLedger, { postgres: PostgresKeyLedger, cloudant: DocumentsKeyLedger }),
    WrappedKeyStores,
    onlyOn('postgres', DataKeyWrappings),
    onlyOn('cloudant', DocumentsDataKeyWrappings),
    KeyRewrap,
    BackgroundRewrap,
    KeyRotation,
    ChangeNotices,
    byDatabase(ChangeFeed, { postgres: PostgresChangeFeed, cloudant: DocumentsChangeFeed }),
  ],
  exports: [
    ...[Database, Documents, DocumentChanges, ChangeFeed, DatabaseLink, Migrator, ProcessPresence],
    ...[Sealer, HandleSealer, NamedKeys, KeyCheck, KeyWrapper, KeyRingKeeper],
    ...[WrappedKeyStores, BackgroundRewrap, KeyRotation],
  ],
})
export class PersistenceModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly link: DatabaseLink,
    private readonly keys: KeyRingKeeper,
  ) {}

  async onModuleInit(): Promise<void> {
    try {
      await this.link.open();
      await this.keys.load();
      await this.link.prepare();
      await this.keys.verify();
    } catch (error) {
      // Nest does not call the shutdown hooks of an application that did not start.
      await this.link.close();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.link.close();
  }
}
