import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import { type OpenDatabase, createTenant, describeOnEveryDatabase } from '../../testing/index.js';
import type { Transaction } from './transaction.js';

const FILLED = [
  'tenants',
  'data_keys',
  'servers',
  'server_versions',
  'server_catalogs',
  'roles',
  'principals',
  'api_keys',
];

/** One row in every table of a tenant. */
const fill = (tenant: TenantId) => async (tx: Transaction) => {
  await tx.execute(
    `INSERT INTO data_keys (tenant_id, id, kek_id, wrapped, created_at) VALUES ($1, 'dek_x', 'kek_x', '\\x00', now())`,
    [tenant],
  );
  await tx.execute(`INSERT INTO servers (tenant_id, id, config, version) VALUES ($1, 's', '{}', 1)`, [tenant]);
  await tx.execute(`INSERT INTO server_versions (tenant_id, server_id, version, config) VALUES ($1, 's', 1, '{}')`, [
    tenant,
  ]);
  await tx.execute(
    `INSERT INTO server_catalogs (tenant_id, server_id, fetched_at, catalog) VALUES ($1, 's', now(), '{}')`,
    [tenant],
  );
  await tx.execute(
    `INSERT INTO roles (tenant_id, name, description, permissions, version) VALUES ($1, 'r', '', '{}', 1)`,
    [tenant],
  );
  await tx.execute(
    `INSERT INTO principals (tenant_id, id, kind, name, roles, version) VALUES ($1, 'p', 'user', '', '{}', 1)`,
    [tenant],
  );
  await tx.execute(
    `INSERT INTO api_keys (tenant_id, id, principal_id, name, hash, scopes) VALUES ($1, 'k', 'p', '', '\\x00', '{}')`,
    [tenant],
  );
};

describeOnEveryDatabase('row-level security', (open) => {
  let db: OpenDatabase;
  let a: TenantId;
  let b: TenantId;
  let tables: string[];
  beforeAll(async () => {
    db = await open();
    [a, b] = [await createTenant(db.database), await createTenant(db.database)];
    await db.database.inTenant(a, fill(a));
    const rows = await db.dataSource.query<{ name: string }[]>(
      `SELECT table_name AS name FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name = 'tenant_id'`,
    );
    tables = ['tenants', ...rows.map(({ name }) => name)];
  });
  afterAll(() => db?.close());

  it('is enabled and forced, with a policy for reading and writing, on every table that has a tenant', async () => {
    expect(tables).toEqual(expect.arrayContaining(FILLED));
    const unsafe = await db.dataSource.query(
      `SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY($1)
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
            SELECT FROM pg_policies p WHERE p.schemaname = current_schema() AND p.tablename = c.relname AND p.cmd = 'ALL'
               AND p.qual LIKE '%app.tenant%' AND p.with_check LIKE '%app.tenant%'))`,
      [tables],
    );
    expect(unsafe).toEqual([]);
  });

  it('has no table beside those of tenants but the ones that are known', async () => {
    const rows = await db.dataSource.query<{ relname: string }[]>(
      `SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname <> ALL($1)`,
      [tables],
    );
    expect(rows.map(({ relname }) => relname).sort()).toEqual(['composer_migrations', 'key_checks', 'replicas']);
  });

  it('binds the working role: it owns nothing, is no superuser and does not bypass it', async () => {
    const [role] = await db.database.asOperator((tx) =>
      tx.query(
        `SELECT rolsuper, rolbypassrls,
                (SELECT count(*)::int FROM pg_class c WHERE pg_has_role(r.oid, c.relowner, 'MEMBER')) AS owned
           FROM pg_roles r WHERE rolname = current_user`,
      ),
    );
    expect(role).toEqual({ rolsuper: false, rolbypassrls: false, owned: 0 });
  });

  it('keeps the working role from changing the schema', async () => {
    for (const sql of [
      'ALTER TABLE servers DISABLE ROW LEVEL SECURITY',
      'DROP POLICY tenant_isolation ON servers',
      'DROP TABLE servers',
      'TRUNCATE servers',
    ]) {
      await expect(db.database.inTenant(b, (tx) => tx.query(sql))).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('shows tenant B nothing of tenant A in any table, and lets it change nothing', async () => {
    for (const table of FILLED) {
      const column = table === 'tenants' ? 'id' : 'tenant_id';
      const count = `SELECT count(*)::int AS n FROM ${table} WHERE ${column} = '${a}'`;
      expect([table, await db.database.inTenant(a, (tx) => tx.query(count))]).toEqual([table, [{ n: 1 }]]);
      expect([table, await db.database.inTenant(b, (tx) => tx.query(count))]).toEqual([table, [{ n: 0 }]]);
      expect(
        await db.database.inTenant(b, (tx) =>
          tx.execute(`UPDATE ${table} SET ${column} = ${column} WHERE ${column} = $1`, [a]),
        ),
      ).toBe(0);
      expect(await db.database.inTenant(b, (tx) => tx.execute(`DELETE FROM ${table} WHERE ${column} = $1`, [a]))).toBe(
        0,
      );
    }
  });

  it('lets no row move to another tenant', async () => {
    await db.database.inTenant(b, fill(b));
    for (const table of FILLED.filter((name) => name !== 'tenants')) {
      const move = db.database.inTenant(b, (tx) => tx.execute(`UPDATE ${table} SET tenant_id = $1`, [a]));
      await expect(move).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('shows nothing where no tenant is set', async () => {
    for (const table of FILLED.filter((name) => name !== 'tenants')) {
      expect(await db.database.asOperator((tx) => tx.query(`SELECT FROM ${table}`))).toEqual([]);
    }
    const unset = await db.database.asOperator(async (tx) => {
      await tx.query(`SELECT set_config('app.operator', '', true)`);
      return tx.query('SELECT FROM tenants');
    });
    expect(unset).toEqual([]);
  });

  it('takes everything of a tenant away with the tenant', async () => {
    const gone = await createTenant(db.database);
    await db.database.inTenant(gone, fill(gone));
    await db.database.asOperator((tx) => tx.execute('DELETE FROM tenants WHERE id = $1', [gone]));
    for (const table of FILLED) {
      expect(await db.database.inTenant(gone, (tx) => tx.query(`SELECT FROM ${table}`))).toEqual([]);
    }
  });
});
