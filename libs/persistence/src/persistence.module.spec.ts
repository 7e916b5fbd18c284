import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { environment, setEnvironment } from '#config';
import {
  type CloudantServer,
  asSuperuser,
  cloudantEnvironment,
  copyEmbeddedTemplate,
  createTenant,
  createTenantDocument,
  openCloudantServer,
  openPostgresDatabase,
  randomKeys,
} from '../testing/index.js';
import { until } from '../testing/until.js';
import { ChangeFeed } from './changes/change-feed.js';
import { DocumentChanges } from './changes/document-changes.js';
import { DocumentsChangeFeed } from './changes/documents.change-feed.js';
import { DatabaseLink } from './database-link.js';
import { Database } from './database/database.js';
import { Migrator } from './database/migrator.js';
import { Documents } from './documents/documents.js';
import { startEmbeddedDatabase } from './embedded/embedded-database.js';
import { PersistenceModule } from './persistence.module.js';
import { KeyCheck } from './sealing/key-check.js';
import { Sealer } from './sealing/sealer.js';

@Module({ imports: [PersistenceModule] })
class NeighbourModule {}

describe('persistence module', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'mcpc-data-'));
    await copyEmbeddedTemplate(dataDir);
    setEnvironment({ COMPOSER_DATA_DIR: dataDir, LOG_LEVEL: 'error' });
  });
  afterEach(() => {
    setEnvironment(undefined);
    rmSync(dataDir, { recursive: true, force: true });
  });
  const boot = async () => {
    const testing = await Test.createTestingModule({ imports: [PersistenceModule, NeighbourModule] }).compile();
    return testing.init();
  };

  it('is ready when the application is, with the database that has begun to start before', async () => {
    void startEmbeddedDatabase(dataDir);
    const app = await boot();
    const tenant = await createTenant(app.get(Database));
    const ref = { tenantId: tenant, table: 't', row: 'r', field: 'f', generation: 1 };
    expect(await app.get(Sealer).open(ref, await app.get(Sealer).seal(ref, 'x'))).toBe('x');
    expect(app.get(KeyCheck).isOpen()).toBe(true);
    expect(await app.get(Migrator).pending()).toEqual([]);
    await app.close();
    expect(readdirSync(dataDir).sort()).toEqual(['database', 'keys']);
  });

  it('opens what it sealed after a restart', async () => {
    const first = await boot();
    const tenant = await createTenant(first.get(Database));
    const ref = { tenantId: tenant, table: 't', row: 'r', field: 'f', generation: 1 };
    const sealed = await first.get(Sealer).seal(ref, 'kept');
    await first.close();
    const second = await boot();
    expect(await second.get(Sealer).open(ref, sealed)).toBe('kept');
    await second.close();
  });

  it('does not start with a wrong key, and frees the data directory', async () => {
    const first = await boot();
    await first.close();
    writeFileSync(join(dataDir, 'keys'), randomKeys('other'));
    await expect(boot()).rejects.toMatchObject({ code: 'COMPOSER_KEY_MISSING' });
    expect(existsSync(join(dataDir, 'database.lock'))).toBe(false);
  });

  it('runs on Postgres with two roles', async () => {
    const db = await openPostgresDatabase();
    const { url, migrationUrl } = db.config as { url: string; migrationUrl: string };
    const before = await connectionsTo(new URL(url).pathname.slice(1));
    setEnvironment({
      DATABASE_TYPE: 'postgres',
      DATABASE_URL: url,
      MIGRATION_DATABASE_URL: migrationUrl,
      COMPOSER_STAGE: 'production',
      COMPOSER_KEYS: randomKeys('kek_1'),
      LOG_LEVEL: 'error',
    });
    const app = await boot();
    await createTenant(app.get(Database));
    await app.get(Database).ping();
    await app.close();
    // Those of the fixture may end meanwhile, and a server ends one a moment after its client.
    const isNew = (pid: number) => !before.includes(pid);
    await until(
      async () => !(await connectionsTo(new URL(url).pathname.slice(1))).some(isNew),
      'the end of its connections',
      10_000,
    );
    await db.close();
  });
});

@Injectable()
class RowCounter {
  constructor(readonly database: Database) {}
}

@Module({ imports: [PersistenceModule], providers: [RowCounter] })
class CountingModule {}

describe('persistence module on Cloudant', () => {
  let server: CloudantServer;
  let dataDir: string;
  const keys = randomKeys('kek_1');
  beforeAll(async () => void (server = await openCloudantServer()));
  afterAll(() => server?.close());
  beforeEach(() => {
    dataDir = join(mkdtempSync(join(tmpdir(), 'mcpc-data-')), 'none');
    const env = { ...cloudantEnvironment(server.database()), COMPOSER_KEYS: keys };
    setEnvironment({ ...env, COMPOSER_DATA_DIR: dataDir, LOG_LEVEL: 'error' });
  });
  afterEach(() => setEnvironment(undefined));
  const boot = async (...imports: readonly Type[]) => {
    const testing = await Test.createTestingModule({ imports: [PersistenceModule, ...imports] }).compile();
    return testing.init();
  };

  it('keeps what it sealed over a restart, and touches no directory and no Postgres', async () => {
    const first = await boot();
    const tenant = await createTenantDocument(first.get(Documents));
    const ref = { tenantId: tenant, table: 't', row: 'r', field: 'f', generation: 1 };
    const sealed = await first.get(Sealer).seal(ref, 'kept');
    await first.get(DocumentChanges).announce({ tenantId: tenant, topic: 't' });
    await first.close();
    const second = await boot();
    expect(await second.get(Sealer).open(ref, sealed)).toBe('kept');
    expect(second.get(KeyCheck).isOpen()).toBe(true);
    expect(second.get(ChangeFeed)).toBeInstanceOf(DocumentsChangeFeed);
    await second.get(DatabaseLink).ping();
    await expect(second.get(Database).asOperator(async () => 1)).rejects.toThrow('not open');
    await second.close();
    expect(existsSync(dataDir)).toBe(false);
  });

  it('does not start with a wrong key', async () => {
    const first = await boot();
    await first.close();
    setEnvironment({ ...environment(), COMPOSER_KEYS: randomKeys('other') });
    await expect(boot()).rejects.toMatchObject({ code: 'COMPOSER_KEY_MISSING' });
    setEnvironment({ ...environment(), COMPOSER_KEYS: randomKeys('kek_1') });
    await expect(boot()).rejects.toMatchObject({ code: 'COMPOSER_KEY_WRONG' });
  });

  it('does not start while somebody asks for the Postgres, and names him', async () => {
    await expect(boot(CountingModule)).rejects.toThrow('there is no Postgres for RowCounter');
  });
});

/** The processes of the server that serve a connection to the database. */
async function connectionsTo(database: string): Promise<readonly number[]> {
  const { rows } = await asSuperuser((admin) =>
    admin.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE datname = $1`, [database]),
  );
  return rows.map(({ pid }) => pid);
}
