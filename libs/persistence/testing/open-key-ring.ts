import { Clock } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { Database } from '../src/database/database.js';
import type { KeysConfig } from '../src/persistence.config.js';
import { BackgroundRewrap } from '../src/rotation/background-rewrap.js';
import type { Documents } from '../src/documents/documents.js';
import { DataKeyWrappings } from '../src/rotation/data-key-wrappings.js';
import { DocumentsDataKeyWrappings } from '../src/rotation/documents-data-key-wrappings.js';
import { DocumentsKeyLedger } from '../src/rotation/documents.key-ledger.js';
import type { KeyLedger } from '../src/rotation/key-ledger.js';
import { KeyRewrap } from '../src/rotation/key-rewrap.js';
import { KeyRingKeeper } from '../src/rotation/key-ring-keeper.js';
import { KeyRotation } from '../src/rotation/key-rotation.js';
import { PostgresKeyLedger } from '../src/rotation/postgres.key-ledger.js';
import { WrappedKeyStores } from '../src/rotation/wrapped-key-stores.js';
import { DataKeyKeeper } from '../src/sealing/data-key-keeper.js';
import type { DataKeyStore } from '../src/sealing/data-key.store.js';
import { DocumentsDataKeyStore } from '../src/sealing/documents.data-key.store.js';
import { DocumentsKeyCheckStore } from '../src/sealing/documents.key-check.store.js';
import type { KeyCheckStore } from '../src/sealing/key-check.store.js';
import { KeyCheck } from '../src/sealing/key-check.js';
import { KeyRingFile } from '../src/sealing/key-ring-file.js';
import { KeyRingWriter } from '../src/sealing/key-ring-writer.js';
import { PostgresKeyCheckStore } from '../src/sealing/postgres.key-check.store.js';
import { PostgresDataKeyStore } from '../src/sealing/postgres.data-key.store.js';
import { RingKeyProvider } from '../src/sealing/ring.key-provider.js';
import { Sealer } from '../src/sealing/sealer.js';

/** What one process has of the key ring, and of its rotation. */
export interface OpenKeyRing {
  readonly file: KeyRingFile;
  readonly keys: KeyRingKeeper;
  readonly rotation: KeyRotation;
  readonly stores: WrappedKeyStores;
  readonly background: BackgroundRewrap;
  /** Without a key in memory. */
  readonly sealer: Sealer;
  /** The log from `info` on. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

interface KeyStores {
  readonly checks: KeyCheckStore;
  readonly dataKeys: DataKeyStore;
  readonly ledger: KeyLedger;
  readonly wrappings: (stores: WrappedKeyStores) => { onModuleInit(): void };
}

/** As a process opens the ring that starts on this database. It follows nothing before it is told to. */
export async function openKeyRing(database: Database, config: KeysConfig): Promise<OpenKeyRing> {
  return openOn(config, {
    checks: new PostgresKeyCheckStore(database),
    dataKeys: new PostgresDataKeyStore(database),
    ledger: new PostgresKeyLedger(database),
    wrappings: (stores) => new DataKeyWrappings(database, stores),
  });
}

/** The same on documents. */
export async function openDocumentsKeyRing(documents: Documents, config: KeysConfig): Promise<OpenKeyRing> {
  return openOn(config, {
    checks: new DocumentsKeyCheckStore(documents),
    dataKeys: new DocumentsDataKeyStore(documents),
    ledger: new DocumentsKeyLedger(documents, new Clock()),
    wrappings: (stores) => new DocumentsDataKeyWrappings(documents, stores),
  });
}

async function openOn(config: KeysConfig, { checks, dataKeys, ledger, wrappings }: KeyStores): Promise<OpenKeyRing> {
  const lines: string[] = [];
  const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
  const file = new KeyRingFile(config);
  const provider = new RingKeyProvider(file);
  const stores = new WrappedKeyStores();
  wrappings(stores).onModuleInit();
  const keys = new KeyRingKeeper(file, new KeyCheck(checks, provider, log), ledger, stores, log);
  const rewrap = new KeyRewrap(stores, provider, log);
  const background = new BackgroundRewrap(keys, ledger, rewrap, stores, log);
  background.onModuleInit();
  await keys.load();
  await keys.verify();
  const rotation = new KeyRotation(keys, new KeyRingWriter(file), ledger, rewrap, stores);
  const sealer = new Sealer(new DataKeyKeeper(dataKeys, provider, new Clock()));
  const close = async (): Promise<void> => {
    await background.beforeApplicationShutdown();
    await keys.beforeApplicationShutdown();
  };
  return { file, keys, rotation, stores, background, sealer, lines, close };
}
