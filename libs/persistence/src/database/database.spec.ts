import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TenantId, tenantId } from '#kernel';
import {
  type OpenDatabase,
  asSuperuser,
  createTenant,
  describeOnEveryDatabase,
  openPostgresDatabase,
} from '../../testing/index.js';
import { DatabaseUnavailableError, NestedTransactionError, TransactionLostError } from '../persistence.errors.js';
import { isForeignKeyViolation, isUniqueViolation } from './database-faults.js';
import type { Transaction } from './transaction.js';

const insert = (tenant: TenantId, id: string) => (tx: Transaction) =>
  tx.execute(`INSERT INTO servers (tenant_id, id, config, version) VALUES ($1, $2, '{}', 1)`, [tenant, id]);
const ids = async (tx: Transaction): Promise<string[]> =>
  (await tx.query<{ id: string }>('SELECT id FROM servers ORDER BY id')).map(({ id }) => id);

describeOnEveryDatabase('transactions', (open) => {
  let db: OpenDatabase;
  let a: TenantId;
  let b: TenantId;
  beforeAll(async () => {
    db = await open();
    [a, b] = [await createTenant(db.database), await createTenant(db.database)];
  });
  afterAll(() => db?.close());

  it('keeps what a tenant wrote, and shows it to no other tenant', async () => {
    expect(await db.database.inTenant(a, insert(a, 'mine'))).toBe(1);
    expect(await db.database.inTenant(a, ids)).toContain('mine');
    expect(await db.database.inTenant(b, ids)).toEqual([]);
    expect(await db.database.asOperator(ids)).toEqual([]);
  });

  it('lets no tenant write a row of another one', async () => {
    await expect(db.database.inTenant(b, insert(a, 'forged'))).rejects.toMatchObject({ code: '42501' });
    expect(await db.database.inTenant(b, (tx) => tx.execute('DELETE FROM servers'))).toBe(0);
    expect(await db.database.inTenant(a, ids)).toContain('mine');
  });

  it('takes everything back when the work fails, and passes its error on', async () => {
    const failure = new Error('no');
    const work = db.database.inTenant(a, async (tx) => {
      await insert(a, 'half')(tx);
      throw failure;
    });
    await expect(work).rejects.toBe(failure);
    expect(await db.database.inTenant(a, ids)).not.toContain('half');
  });

  it('says that nothing was written when the error of a statement was swallowed', async () => {
    const work = db.database.inTenant(a, async (tx) => {
      await insert(a, 'lost')(tx);
      await tx.query('SELECT 1/0').catch(() => undefined);
    });
    await expect(work).rejects.toThrow(TransactionLostError);
    expect(await db.database.inTenant(a, ids)).not.toContain('lost');
  });

  it('refuses a transaction inside a transaction at once', async () => {
    const work = db.database.inTenant(a, () => db.database.inTenant(b, ids));
    await expect(work).rejects.toThrow(NestedTransactionError);
  });

  it('reads inside the transaction that is open, and sees what it wrote', async () => {
    const seen = await db.database.inTenant(a, async (tx) => {
      await insert(a, 'fresh')(tx);
      return db.database.read(a, ids);
    });
    expect(seen).toContain('fresh');
  });

  it('refuses statements of a transaction that has ended', async () => {
    const kept = await db.database.inTenant(a, async (tx) => tx);
    await expect(kept.query('SELECT 1')).rejects.toThrow(TransactionLostError);
  });

  it('serves many callers of several tenants at once without mixing them', async () => {
    const tenants = await Promise.all(Array.from({ length: 4 }, () => createTenant(db.database)));
    const work = tenants.flatMap((tenant) =>
      Array.from({ length: 10 }, (_, at) => db.database.inTenant(tenant, insert(tenant, `${tenant}-${at}`))),
    );
    await Promise.all(work);
    for (const tenant of tenants) {
      const found = await db.database.inTenant(tenant, ids);
      expect(found).toHaveLength(10);
      expect(found.every((id) => id.startsWith(tenant))).toBe(true);
    }
  });

  it('leaves neither tenant nor role behind in the session', async () => {
    await db.database.inTenant(a, ids);
    const [before] = await db.dataSource.query(`SELECT current_user AS name, session_user AS login`);
    expect(before.name).toBe(before.login);
    expect(await db.dataSource.query(`SELECT NULLIF(current_setting('app.tenant', true), '') AS t`)).toEqual([
      { t: null },
    ]);
  });

  it('tells a duplicate from a missing parent', async () => {
    const duplicate = await db.database.inTenant(a, insert(a, 'mine')).catch((error: unknown) => error);
    expect([isUniqueViolation(duplicate), isForeignKeyViolation(duplicate)]).toEqual([true, false]);
    const stranger = tenantId('00000000-0000-4000-8000-00000000dead');
    const orphan = await db.database.inTenant(stranger, insert(stranger, 'x')).catch((error: unknown) => error);
    expect([isUniqueViolation(orphan), isForeignKeyViolation(orphan)]).toEqual([false, true]);
  });

  it('takes no text for a tenant that is not a UUID', async () => {
    const forged = tenantId(`${a}', true), set_config('role', 'none`);
    await expect(db.database.inTenant(forged, ids)).rejects.toThrow(TypeError);
  });

  it('lists the tenants for the operator, and for a tenant itself alone', async () => {
    const list = (tx: Transaction) => tx.query<{ id: string }>('SELECT id FROM tenants');
    expect((await db.database.asOperator(list)).map(({ id }) => id)).toEqual(expect.arrayContaining([a, b]));
    expect(await db.database.inTenant(a, list)).toEqual([{ id: a }]);
  });

  it('answers a ping', async () => {
    await expect(db.database.ping()).resolves.toBeUndefined();
  });
});

describe('a database that goes away', () => {
  let db: OpenDatabase;
  let tenant: TenantId;
  let name: string;
  beforeAll(async () => {
    db = await openPostgresDatabase();
    tenant = await createTenant(db.database);
    [{ name }] = await db.dataSource.query('SELECT current_database() AS name');
  });
  afterAll(() => db?.close());
  const cut = () =>
    asSuperuser((admin) =>
      admin.query(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1`, [name]),
    );

  it('is unavailable and worth another try for the caller whose connection broke, and back for the next one', async () => {
    const work = db.database.inTenant(tenant, async (tx) => {
      await cut();
      return tx.query('SELECT 1');
    });
    await expect(work).rejects.toMatchObject({ name: 'DatabaseUnavailableError', status: 503, retryable: true });
    await expect(db.database.inTenant(tenant, ids)).resolves.toEqual([]);
  });

  it('is back at once where connections broke in the pool and nobody has noticed', async () => {
    const all = Array.from({ length: 5 }, () => db.database.inTenant(tenant, (tx) => tx.query('SELECT pg_sleep(0.1)')));
    await Promise.all(all);
    const idle = idleSockets(db);
    expect(idle.length).toBeGreaterThan(1);
    for (const socket of idle) socket.pause();
    await cut();
    const work = db.database.inTenant(tenant, ids);
    // Only now does the process see what has happened to them: the first one is in use again.
    setImmediate(() => idle.forEach((socket) => socket.resume()));
    await expect(work).resolves.toEqual([]);
  });

  it('does not tell success to the caller whose connection broke before the commit', async () => {
    const work = db.database.inTenant(tenant, async (tx) => {
      await insert(tenant, 'unsure')(tx);
      await cut();
    });
    await expect(work).rejects.toMatchObject({ status: 503 });
    expect(await db.database.inTenant(tenant, ids)).not.toContain('unsure');
  });

  it('stops a statement that takes too long', async () => {
    const started = performance.now();
    await expect(db.database.inTenant(tenant, (tx) => tx.query('SELECT pg_sleep(30)'))).rejects.toThrow(
      DatabaseUnavailableError,
    );
    expect(performance.now() - started).toBeLessThan(9_000);
  });

  it('gives up a ping in time while every connection is busy', async () => {
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const busy = Array.from({ length: 10 }, () => db.database.inTenant(tenant, () => gate));
    try {
      await expect(db.database.ping()).rejects.toThrow(DatabaseUnavailableError);
    } finally {
      finish();
    }
    await Promise.all(busy);
    await expect(db.database.ping()).resolves.toBeUndefined();
  });

  it('is unavailable once it is gone for good, and the message names no address', async () => {
    await asSuperuser((admin) => admin.query(`DROP DATABASE ${name} WITH (FORCE)`));
    const error = await db.database.inTenant(tenant, ids).catch((failure: unknown) => failure as Error);
    expect(error).toBeInstanceOf(DatabaseUnavailableError);
    expect((error as Error).message).not.toMatch(/postgres:|127\.0\.0\.1/);
  });
});

/** The sockets of the connections that lie in the pool. */
function idleSockets({ dataSource }: OpenDatabase): Socket[] {
  const { master } = dataSource.driver as unknown as {
    master: { _idle: readonly { client: { connection: { stream: Socket } } }[] };
  };
  return master._idle.map(({ client }) => client.connection.stream);
}
