import { Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { ChangeFeed } from './changes/change-feed.js';
import { ChangeNotices } from './changes/change-notices.js';
import { PostgresChangeFeed } from './changes/postgres.change-feed.js';
import { ApplicationRole } from './database/application-role.js';
import { DatabaseConnection } from './database/database-connection.js';
import { Database } from './database/database.js';
import { DurabilityCheck } from './database/durability-check.js';
import { Migrator } from './database/migrator.js';
import { ProcessPresence } from './database/process-presence.js';
import { databaseConfig, keysConfig } from './persistence.config.js';
import { BackgroundRewrap } from './rotation/background-rewrap.js';
import { DataKeyWrappings } from './rotation/data-key-wrappings.js';
import { KeyLedger } from './rotation/key-ledger.js';
import { KeyRewrap } from './rotation/key-rewrap.js';
import { KeyRingKeeper } from './rotation/key-ring-keeper.js';
import { KeyRotation } from './rotation/key-rotation.js';
import { PostgresKeyLedger } from './rotation/postgres.key-ledger.js';
import { WrappedKeyStores } from './rotation/wrapped-key-stores.js';
import { DataKeyKeeper } from './sealing/data-key-keeper.js';
import { DataKeyStore } from './sealing/data-key.store.js';
import { HandleSealer } from './sealing/handle-sealer.js';
import { KeyCheck } from './sealing/key-check.js';
import { KeyProvider } from './sealing/key-provider.js';
import { KeyRingFile } from './sealing/key-ring-file.js';
import { KeyRingWriter } from './sealing/key-ring-writer.js';
import { PostgresDataKeyStore } from './sealing/postgres.data-key.store.js';
import { KeyWrapper } from './sealing/key-wrapper.js';
import { RingKeyProvider } from './sealing/ring.key-provider.js';
import { Sealer } from './sealing/sealer.js';

/**
 * The database and the sealing of secrets. When it is initialised the schema is up to date, the application works
 * as a role that row-level security binds, and the key ring is known to be the right one.
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
    KeyRingFile,
    HandleSealer,
    { provide: KeyProvider, useClass: RingKeyProvider },
    { provide: DataKeyStore, useClass: PostgresDataKeyStore },
    DataKeyKeeper,
    Sealer,
    KeyCheck,
    KeyWrapper,
    KeyRingWriter,
    KeyRingKeeper,
    { provide: KeyLedger, useClass: PostgresKeyLedger },
    WrappedKeyStores,
    DataKeyWrappings,
    KeyRewrap,
    BackgroundRewrap,
    KeyRotation,
    ChangeNotices,
    { provide: ChangeFeed, useClass: PostgresChangeFeed },
  ],
  exports: [
    ...[Database, Sealer, HandleSealer, Migrator, ChangeFeed, ProcessPresence],
    ...[KeyCheck, KeyWrapper, KeyRingKeeper, WrappedKeyStores, BackgroundRewrap, KeyRotation],
  ],
})
export class PersistenceModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly connection: DatabaseConnection,
    private readonly migrator: Migrator,
    private readonly durability: DurabilityCheck,
    private readonly keys: KeyRingKeeper,
  ) {}

  async onModuleInit(): Promise<void> {
    try {
      await this.connection.open();
      await this.keys.load();
      await this.durability.run();
      await this.migrator.up();
      await this.keys.verify();
    } catch (error) {
      // Nest does not call the shutdown hooks of an application that did not start.
      await this.connection.close();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connection.close();
  }
}
