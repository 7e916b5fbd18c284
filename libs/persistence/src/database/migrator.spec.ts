import { afterEach, describe, expect, it } from '@jest/globals';
import { migrations } from '#migrations';
import {
  type OpenDatabase,
  asSuperuser,
  createRole,
  createTenant,
  describeOnEveryDatabase,
  openDatabase,
  openFresh,
  urlOf,
} from '../../testing/index.js';
import { MigrationError, UnsafeRoleError } from '../persistence.errors.js';

const NAMES = migrations.map(({ name }) => name);

/** Everything that a migration could leave behind, in words that compare. */
async function schemaOf({ dataSource }: OpenDatabase): Promise<unknown> {
  return dataSource.query(
    `SELECT c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity,
            (SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
            (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY k.conname) FROM pg_constraint k WHERE k.conrelid = c.oid) AS constraints,
            (SELECT array_agg(concat(p.polname, p.polcmd, pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
                    ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
       FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind <> 'S'
        AND COALESCE((SELECT indrelid FROM pg_index WHERE indexrelid = c.oid), c.oid) <> 'composer_migrations'::regclass
      ORDER BY 1`,
  );
}

describeOnEveryDatabase('migrations', (open) => {
  let db: OpenDatabase;
  afterEach(() => db?.close());

  it('are all applied at start, and there is nothing to do the second time', async () => {
    db = await open();
    expect(await db.migrator.pending()).toEqual([]);
    expect(await db.migrator.up()).toEqual([]);
  });

  it('go down one by one to nothing and come up to the same schema again', async () => {
    db = await open();
    const schemas = [await schemaOf(db)];
    for (const name of [...NAMES].reverse()) {
      expect(await db.migrator.down(1)).toEqual([name]);
      schemas.push(await schemaOf(db));
    }
    expect(schemas.at(-1)).toEqual([]);
    expect(await db.migrator.down(1)).toEqual([]);
    expect(await db.migrator.pending()).toEqual(NAMES);
    expect(await db.migrator.up()).toEqual(NAMES);
    expect(await schemaOf(db)).toEqual(schemas[0]);
    await createTenant(db.database); // the rights came back as well
  });

  it('go down several at once, newest first, and create the default tenant on the way up', async () => {
    db = await open();
    expect(await db.migrator.down(2)).toEqual([...NAMES].reverse().slice(0, 2));
    expect(await db.migrator.down(99)).toHaveLength(NAMES.length - 2);
    await db.migrator.up();
    expect(await db.database.asOperator((tx) => tx.query('SELECT id, slug FROM tenants'))).toEqual([
      { id: '00000000-0000-4000-8000-000000000001', slug: 'default' },
    ]);
  });
});

/**
 * Roles are the server's, not the database's, and another test may have made this one. Version 16 and later make
 * whoever creates a role its administrator, who may grant it and not switch to it.
 */
const AS_IF_CREATED_BY = `DO $$ BEGIN
  BEGIN CREATE ROLE composer_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT composer_app TO $creator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE';
  END IF;
END $$`;

describe('migrating Postgres', () => {
  const opened: OpenDatabase[] = [];
  const keep = <T extends OpenDatabase>(db: T): T => (opened.push(db), db);
  afterEach(async () => {
    for (const db of opened.splice(0).reverse()) await db.close();
  });
  const whoami = (db: OpenDatabase): Promise<{ name: string; super: boolean }[]> =>
    db.database.asOperator((tx) =>
      tx.query(`SELECT rolname AS name, rolsuper AS super FROM pg_roles WHERE rolname = current_user`),
    );

  it('is done once by replicas that start together', async () => {
    const [app, owner] = [await createRole('app'), await createRole('owner')];
    const first = keep(await openFresh(app, owner, { migrate: false }));
    const others = await Promise.all([1, 2, 3].map(() => openDatabase(first.config, { migrate: false })));
    others.forEach(keep);
    const done = await Promise.all([first, ...others].map(({ migrator }) => migrator.up()));
    expect(done.flat().sort()).toEqual([...NAMES].sort());
  });

  it('works with one URL of a superuser, whose transactions switch to another role', async () => {
    const superuser = await createRole('super', 'SUPERUSER');
    const db = keep(await openFresh(superuser, superuser));
    expect(await whoami(db)).toEqual([{ name: 'composer_app', super: false }]);
    const [a, b] = [await createTenant(db.database), await createTenant(db.database)];
    expect(await db.database.inTenant(a, (tx) => tx.query('SELECT id FROM tenants WHERE id = $1', [b]))).toEqual([]);
  });

  it('works with one URL of an ordinary owner who may create roles', async () => {
    const creator = await createRole('creator', 'CREATEROLE');
    await asSuperuser((admin) => admin.query(AS_IF_CREATED_BY.replaceAll('$creator', creator)));
    const db = keep(await openFresh(creator, creator));
    expect(await whoami(db)).toEqual([{ name: 'composer_app', super: false }]);
  });

  it('refuses one URL of an owner who can have no other role, and says what to run', async () => {
    const lonely = await createRole('lonely');
    const error = await openFresh(lonely, lonely).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(UnsafeRoleError);
    expect((error as Error).message).toMatch(/MIGRATION_DATABASE_URL.*GRANT composer_app TO/s);
  });

  it('refuses an application role that is a member of the owner and cannot switch', async () => {
    const owner = await createRole('owner');
    const insider = await createRole('insider', `IN ROLE ${owner}`);
    await expect(openFresh(insider, owner)).rejects.toThrow(UnsafeRoleError);
  });

  it('starts with the application role alone once the owner has migrated', async () => {
    const [app, owner] = [await createRole('app'), await createRole('owner')];
    const migrated = keep(await openFresh(app, owner));
    const { url } = migrated.config as { url: string };
    const alone = keep(await openDatabase({ type: 'postgres', url, migrationUrl: url }));
    expect(await whoami(alone)).toEqual([{ name: app, super: false }]);
    await createTenant(alone.database);
  });

  it('says who must migrate when the application role alone meets pending migrations', async () => {
    const [app, owner] = [await createRole('app'), await createRole('owner')];
    const empty = keep(await openFresh(app, owner, { migrate: false }));
    const { url } = empty.config as { url: string };
    const start = openDatabase({ type: 'postgres', url, migrationUrl: url });
    await expect(start).rejects.toThrow(MigrationError);
    await expect(start).rejects.toThrow(/MIGRATION_DATABASE_URL/);
  });

  it('warns when the server does not keep what it acknowledges', async () => {
    const [app, owner] = [await createRole('app'), await createRole('owner')];
    const first = keep(await openFresh(app, owner));
    const [{ name }] = await first.dataSource.query('SELECT current_database() AS name');
    const lines: string[] = [];
    await asSuperuser((admin) => admin.query(`ALTER DATABASE ${name} SET synchronous_commit = off`));
    const url = urlOf(app, name);
    keep(await openDatabase({ type: 'postgres', url, migrationUrl: url }, { onLog: (line) => lines.push(line) }));
    expect(lines.join('')).toContain('"off":["synchronous_commit"]');
    expect(lines.join('')).not.toContain('postgres://');
  });
});
