import { WrappedKeyStores } from '#persistence';
import { tenantId } from '#kernel';
import { asSuperuser } from '#persistence/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, type QueryResult } from 'pg';
import { storeCredential } from '../fixtures/stored-credential.js';
import { type TwoEstates, openTwoEstates } from '../fixtures/two-estates.js';

/** What the operator, who has no tenant, may read of all tenants' rows. */
const OPERATOR_READS = ['audit_chains', 'change_versions', 'issuers', 'tenants'];
/** And write: tenants themselves, and that something of theirs has changed. */
const OPERATOR_INSERTS = ['change_versions', 'tenants'];
const OPERATOR_UPDATES = ['change_versions', 'tenants'];
const OPERATOR_DELETES = ['tenants'];
/** What the rotation of the key ring may read and wrap anew: keys that are wrapped. */
const WRAPPED_KEYS = ['audit_chains', 'data_keys'];
/** Nothing of any tenant. */
const WITHOUT_TENANT = ['composer_migrations', 'key_checks', 'replicas'];
const DENIED = '42501';

type Settings = Readonly<Record<string, string>>;
interface Table {
  readonly name: string;
  readonly column: 'id' | 'tenant_id';
  /** One row of acme as JSON, and how many there are. */
  readonly row: object;
  readonly count: number;
}

let two: TwoEstates;
let application: Client;
let acme: string;
let inGlobex: Settings;
let tables: readonly Table[];

beforeAll(async () => {
  two = await openTwoEstates();
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...two.acme.client });
  expect((await fetch(`${two.composer.url}/t/acme/token`, { method: 'POST', body })).status).toBe(200);
  acme = two.tenantIds.acme;
  await storeCredential(two.composer.app, tenantId(acme));
  const session = await two.acme.caller.open();
  const level = await two.acme.caller.legacy('logging/setLevel', { session, params: { level: 'error' } });
  expect(level.status).toBe(200);
  inGlobex = { 'app.tenant': two.tenantIds.globex };
  tables = await asSuperuser(tenantTables, two.database.name);
  application = new Client({ connectionString: two.database.env['DATABASE_URL'] });
  await application.connect();
}, 120_000);
afterAll(async () => {
  await application?.end();
  await two?.stop();
});

async function tenantTables(admin: Client): Promise<Table[]> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`,
  );
  const found: Table[] = [];
  for (const name of ['tenants', ...rows.map((row) => row.name)]) {
    const column = name === 'tenants' ? 'id' : 'tenant_id';
    const { rows: own } = await admin.query<{ row: object }>(
      `SELECT to_jsonb(t) AS row FROM ${name} t WHERE ${column} = $1`,
      [acme],
    );
    found.push({ name, column, row: own[0]?.row ?? {}, count: own.length });
  }
  return found;
}

/** In a transaction that is given up in any case. */
async function attempt(settings: Settings, sql: string, values: readonly unknown[] = []): Promise<QueryResult> {
  await application.query('BEGIN');
  try {
    for (const [name, value] of Object.entries(settings)) {
      await application.query('SELECT set_config($1, $2, true)', [name, value]);
    }
    return await application.query(sql, [...values]);
  } finally {
    await application.query('ROLLBACK');
  }
}

/** Rows that were touched, or the SQLSTATE with which it was refused. */
const outcome = (settings: Settings, sql: string, values?: readonly unknown[]): Promise<number | string> =>
  attempt(settings, sql, values).then(
    ({ rowCount }) => rowCount ?? 0,
    (error: { code: string }) => error.code,
  );

const readsAll = (settings: Settings, { name }: Table) => outcome(settings, `SELECT FROM ${name}`);
const reads = (settings: Settings, { name, column }: Table) =>
  outcome(settings, `SELECT FROM ${name} WHERE ${column} = $1`, [acme]);
const updates = (settings: Settings, { name, column }: Table) =>
  outcome(settings, `UPDATE ${name} SET ${column} = ${column} WHERE ${column} = $1`, [acme]);
const deletes = (settings: Settings, { name, column }: Table) =>
  outcome(settings, `DELETE FROM ${name} WHERE ${column} = $1`, [acme]);
const inserts = (settings: Settings, { name, row }: Table) =>
  outcome(settings, `INSERT INTO ${name} SELECT * FROM jsonb_populate_record(NULL::${name}, $1)`, [
    JSON.stringify(row),
  ]);

/** For each table what came out, and which tables are not as `isFine` wants them. */
async function unlike<T>(work: (table: Table) => Promise<T>, isFine: (result: T, table: Table) => boolean) {
  const wrong: [string, T][] = [];
  for (const table of tables) {
    const result = await work(table);
    if (!isFine(result, table)) wrong.push([table.name, result]);
  }
  return wrong;
}
const untouched = (result: number | string): boolean => result === 0 || result === DENIED;

it('covers every table: each has a tenant, and rows of it, or is known to have none', async () => {
  expect(tables.length).toBeGreaterThan(12);
  expect(tables.filter(({ count }) => count === 0).map(({ name }) => name)).toEqual([]);
  const { rows } = await asSuperuser(
    (admin) =>
      admin.query<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1`,
      ),
    two.database.name,
  );
  const known = [...WITHOUT_TENANT, ...tables.map(({ name }) => name)].sort();
  expect(rows.map(({ name }) => name)).toEqual(known);
});

it('shows the tenant itself everything that it has, so that what follows says something', async () => {
  expect(
    await unlike(
      (table) => reads({ 'app.tenant': acme }, table),
      (n, { count }) => n === count,
    ),
  ).toEqual([]);
});

describe('another tenant', () => {
  it('reads no row, also where it does not ask for one', async () => {
    expect(
      await unlike(
        (table) => reads(inGlobex, table),
        (n) => n === 0,
      ),
    ).toEqual([]);
    const foreign = ({ name, column }: Table) =>
      outcome(inGlobex, `SELECT FROM ${name} WHERE ${column} <> $1`, [two.tenantIds.globex]);
    expect(await unlike(foreign, (n) => n === 0)).toEqual([]);
  });

  it('changes and deletes none', async () => {
    expect(await unlike((table) => updates(inGlobex, table), untouched)).toEqual([]);
    expect(await unlike((table) => deletes(inGlobex, table), untouched)).toEqual([]);
    const all = ({ name, column }: Table) => outcome(inGlobex, `UPDATE ${name} SET ${column} = $1`, [acme]);
    expect(await unlike(all, untouched)).toEqual([]); // nor gives its own away
  });

  it('adds none', async () => {
    expect(
      await unlike(
        (table) => inserts(inGlobex, table),
        (result) => result === DENIED,
      ),
    ).toEqual([]);
    const upserts = ({ name, row }: Table) =>
      outcome(
        inGlobex,
        `INSERT INTO ${name} SELECT * FROM jsonb_populate_record(NULL::${name}, $1) ON CONFLICT DO NOTHING`,
        [JSON.stringify(row)],
      );
    expect(await unlike(upserts, (result) => result === DENIED)).toEqual([]);
  });
});

describe('the operator', () => {
  const operator = { 'app.operator': 'on' };
  const only = (names: readonly string[]) => (result: number | string, table: Table) =>
    names.includes(table.name) ? result === table.count : untouched(result);

  it('reads the documented tables and nothing else', async () => {
    expect(await unlike((table) => reads(operator, table), only(OPERATOR_READS))).toEqual([]);
  });

  it('writes tenants, counts changes, and nothing else', async () => {
    expect(await unlike((table) => updates(operator, table), only(OPERATOR_UPDATES))).toEqual([]);
    expect(await unlike((table) => deletes(operator, table), only(OPERATOR_DELETES))).toEqual([]);
    const added = ({ name, column, row, ...rest }: Table) =>
      inserts(operator, { ...rest, name, column, row: { ...row, [column]: crypto.randomUUID(), slug: 'made' } });
    expect(
      await unlike(added, (result, { name }) => result === (OPERATOR_INSERTS.includes(name) ? 1 : DENIED)),
    ).toEqual([]);
  });

  it('has no other tenant’s rows to change where it is in one', async () => {
    const both = { ...operator, ...inGlobex };
    expect(await unlike((table) => reads(both, table), only(OPERATOR_READS))).toEqual([]);
    expect(await unlike((table) => updates(both, table), only(OPERATOR_UPDATES))).toEqual([]);
    expect(await unlike((table) => deletes(both, table), only(OPERATOR_DELETES))).toEqual([]);
  });
});

describe('the rotation of the key ring', () => {
  const rotation = { 'app.rewrap': 'on' };
  const only = (result: number | string, { name, count }: Table) =>
    WRAPPED_KEYS.includes(name) ? result === count : untouched(result);

  it('knows every table that holds wrapped keys', async () => {
    const { rows } = await asSuperuser(
      (admin) =>
        admin.query<{ name: string }>(
          `SELECT table_name AS name FROM information_schema.columns
            WHERE table_schema = 'public' AND column_name = 'wrapped' ORDER BY 1`,
        ),
      two.database.name,
    );
    expect(rows.map(({ name }) => name)).toEqual(WRAPPED_KEYS);
    const stores = two.composer.app.get(WrappedKeyStores, { strict: false }).list();
    expect(stores.map(({ name }) => name).sort()).toEqual(WRAPPED_KEYS);
  });

  it('reads and changes those, and nothing else', async () => {
    expect(await unlike((table) => reads(rotation, table), only)).toEqual([]);
    expect(await unlike((table) => updates(rotation, table), only)).toEqual([]);
    expect(await unlike((table) => deletes(rotation, table), untouched)).toEqual([]);
    expect(await unlike((table) => inserts(rotation, table), untouched)).toEqual([]);
  });
});

it.each([
  ['without any setting', {}],
  ['with empty ones', { 'app.tenant': '', 'app.operator': '' }],
  ['with an operator who is not on', { 'app.operator': 'true' }],
])('shows and takes nothing %s', async (_what, settings: Settings) => {
  expect(
    await unlike(
      (table) => readsAll(settings, table),
      (n) => n === 0,
    ),
  ).toEqual([]);
  expect(await unlike((table) => updates(settings, table), untouched)).toEqual([]);
  expect(await unlike((table) => deletes(settings, table), untouched)).toEqual([]);
  expect(
    await unlike(
      (table) => inserts(settings, table),
      (result) => result === DENIED,
    ),
  ).toEqual([]);
});

describe('the application’s role', () => {
  it('owns nothing, belongs to no role that does, and is bound', async () => {
    const { rows } = await application.query(
      `SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
              (SELECT count(*)::int FROM pg_class WHERE pg_has_role(r.oid, relowner, 'MEMBER')) AS relations,
              (SELECT count(*)::int FROM pg_proc WHERE pg_has_role(r.oid, proowner, 'MEMBER')) AS functions,
              (SELECT count(*)::int FROM pg_namespace WHERE pg_has_role(r.oid, nspowner, 'MEMBER')) AS schemas,
              (SELECT count(*)::int FROM pg_auth_members WHERE member = r.oid) AS memberships
         FROM pg_roles r WHERE rolname = current_user`,
    );
    expect(rows[0]).toEqual({
      ...{ rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false },
      ...{ relations: 0, functions: 0, schemas: 0, memberships: 0 },
    });
  });

  it('finds nothing in the schema that acts with more rights than its own', async () => {
    const { rows } = await application.query(
      `SELECT proname AS name FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
       UNION ALL SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
       UNION ALL SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                  WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace`,
    );
    expect(rows).toEqual([]);
  });

  it('changes no table, whatever is set', async () => {
    const statements = [
      'ALTER TABLE $ DISABLE ROW LEVEL SECURITY',
      'ALTER TABLE $ NO FORCE ROW LEVEL SECURITY',
      'ALTER TABLE $ ADD COLUMN x text',
      'ALTER TABLE $ OWNER TO CURRENT_USER',
      'DROP TABLE $ CASCADE',
      'TRUNCATE $ CASCADE',
      'DROP POLICY tenant_isolation ON $',
      'ALTER POLICY tenant_isolation ON $ USING (true)',
      'CREATE POLICY open ON $ USING (true)',
      'CREATE RULE open AS ON SELECT TO $ DO INSTEAD NOTHING',
      'CREATE INDEX open ON $ ((1))',
      'CREATE TRIGGER open AFTER INSERT ON $ EXECUTE FUNCTION suppress_redundant_updates_trigger()',
      'SET LOCAL row_security = off; SELECT * FROM $',
    ];
    for (const settings of [{}, inGlobex, { 'app.operator': 'on' }]) {
      for (const statement of statements) {
        const tried = ({ name }: Table) => outcomeOfAll(settings, statement.replace('$', name));
        expect([statement, await unlike(tried, (code) => code === DENIED)]).toEqual([statement, []]);
      }
    }
  });

  it('becomes nobody else, and makes nothing', async () => {
    const owner = new URL(two.database.env['MIGRATION_DATABASE_URL'] ?? '').username;
    const me = new URL(two.database.env['DATABASE_URL'] ?? '').username;
    const body = `RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'`;
    for (const statement of [
      `SET ROLE ${owner}`,
      `SET SESSION AUTHORIZATION ${owner}`,
      `GRANT ${owner} TO ${me}`,
      `ALTER ROLE ${me} BYPASSRLS`,
      `ALTER ROLE ${me} SUPERUSER`,
      'CREATE ROLE made_by_the_application',
      `CREATE FUNCTION public.open() ${body}`,
      'CREATE TABLE public.made (id int)',
      'CREATE VIEW public.made AS SELECT 1',
      'CREATE SEQUENCE public.made',
      'CREATE SCHEMA made',
      'CREATE TEMPORARY TABLE servers (id int)',
      'SET session_replication_role = replica',
      "COPY servers TO PROGRAM 'true'",
      "COPY servers TO '/tmp/made'",
      'SELECT pg_read_file($$/etc/passwd$$)',
      'SELECT * FROM pg_authid',
      'UPDATE composer_migrations SET name = name',
      'DELETE FROM composer_migrations',
    ]) {
      expect([statement, await outcomeOfAll(inGlobex, statement)]).toEqual([statement, DENIED]);
    }
  });
});

/** Of statements without values, of which there may be several; 0 if all were carried out. */
async function outcomeOfAll(settings: Settings, sql: string): Promise<number | string> {
  const parts = sql.split('; ');
  const last = parts.pop() ?? '';
  const first = Object.fromEntries(
    parts.map((part) => [part.replace(/^SET LOCAL (\w+) = .*/, '$1'), part.replace(/.* = /, '')]),
  );
  return outcome({ ...settings, ...first }, last);
}
