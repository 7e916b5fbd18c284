import { randomBytes, randomUUID } from 'node:crypto';
import { Clock, type TenantId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { DataSource } from 'typeorm';
import { ApplicationRole } from '../src/database/application-role.js';
import { DatabaseConnection } from '../src/database/database-connection.js';
import { Database } from '../src/database/database.js';
import { DurabilityCheck } from '../src/database/durability-check.js';
import { Migrator } from '../src/database/migrator.js';
import type { DatabaseConfig } from '../src/persistence.config.js';
import { DataKeyKeeper } from '../src/sealing/data-key-keeper.js';
import type { DataKeyStore } from '../src/sealing/data-key.store.js';
import { KeyCheck } from '../src/sealing/key-check.js';
import type { KeyProvider } from '../src/sealing/key-provider.js';
import { KeyRingFile } from '../src/sealing/key-ring-file.js';
import { KeyRing } from '../src/sealing/key-ring.js';
import { PostgresKeyCheckStore } from '../src/sealing/postgres.key-check.store.js';
import { PostgresDataKeyStore } from '../src/sealing/postgres.data-key.store.js';
import { RingKeyProvider } from '../src/sealing/ring.key-provider.js';
import { Sealer } from '../src/sealing/sealer.js';

/** The persistence lib, put together without Nest on one database, migrated. */
export interface OpenDatabase {
  readonly database: Database;
  readonly sealer: Sealer;
  readonly migrator: Migrator;
  readonly keyCheck: KeyCheck;
  readonly dataKeys: DataKeyStore;
  /** The application's own pool, for raw SQL: it acts as the connecting role, without a tenant. */
  readonly dataSource: DataSource;
  /** Where the database is, to open it a second time. */
  readonly config: DatabaseConfig;
  /** Closes the pool, and removes the database if this opened it. Safe to call twice. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** A random ring of one key unless given. */
  readonly ring?: KeyRing;
  readonly clock?: Clock;
  /** Receives the lines of the log from `warn` on. */
  readonly onLog?: (line: string) => void;
  /** False leaves the schema as it is. */
  readonly migrate?: boolean;
}

/** Opens the database that `config` names, as a second process would. Closing it leaves the database. */
export async function openDatabase(config: DatabaseConfig, options: OpenOptions = {}): Promise<OpenDatabase> {
  const log = Log.open({ level: 'warn', format: 'json' }, new SecretValues(), options.onLog ?? (() => undefined));
  const connection = new DatabaseConnection(config, log);
  const role = new ApplicationRole(connection);
  const migrator = new Migrator(connection, role);
  const database = new Database(connection, role);
  try {
    await connection.open();
    await new DurabilityCheck(connection, log).run();
    if (options.migrate !== false) await migrator.up();
    const provider = await ringProvider(options.ring);
    const dataKeys = new PostgresDataKeyStore(database);
    return {
      database,
      migrator,
      dataKeys,
      sealer: sealerOn(dataKeys, provider, options.clock),
      keyCheck: new KeyCheck(new PostgresKeyCheckStore(database), provider, log),
      dataSource: connection.dataSource,
      config,
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A key provider on a key ring, without a file. */
export async function ringProvider(ring: KeyRing = randomRing()): Promise<RingKeyProvider> {
  const file = new KeyRingFile({ ring, file: '' });
  await file.load();
  return new RingKeyProvider(file);
}

export function sealerOn(store: DataKeyStore, provider: KeyProvider, clock: Clock = new Clock()): Sealer {
  return new Sealer(new DataKeyKeeper(store, provider, clock));
}

/** The text of a key ring with one random key per id. */
export function randomKeys(...ids: readonly string[]): string {
  return ids.map((id) => `${id}:${randomBytes(32).toString('base64')}`).join(',');
}

export function randomRing(...ids: readonly string[]): KeyRing {
  return ringOf(randomKeys(...(ids.length > 0 ? ids : ['kek_test'])));
}

/** The key ring that `text` spells. */
export function ringOf(text: string): KeyRing {
  const ring = KeyRing.parse(text);
  if (ring instanceof KeyRing) return ring;
  throw new Error(ring.join('; '));
}

/** A new tenant with nothing in it. */
export async function createTenant(database: Database, slug = `t-${randomUUID()}`): Promise<TenantId> {
  const id = tenantId(randomUUID());
  await database.inTenant(id, (tx) =>
    tx.execute(`INSERT INTO tenants (id, slug, name) VALUES ($1, $2, $2)`, [id, slug]),
  );
  return id;
}
