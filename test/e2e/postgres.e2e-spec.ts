import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client as Connection } from 'pg';
import { callTool, toolNames } from '../fixtures/mcp-clients.js';
import { type McpMember, startLegacyMember } from '../fixtures/mcp-members.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const TOKEN = 'kept-in-postgres';
/** Several processes share one key ring, as they share one database. */
const COMPOSER_KEYS = `test:${randomBytes(32).toString('base64')}`;

describe('on a real Postgres, with an owning role and an application role', () => {
  let database: TwoRoles;
  let service: RestService;
  let member: McpMember;
  const running: ComposerProcess[] = [];

  beforeAll(async () => {
    [database, service, member] = await Promise.all([
      openTwoRoles(),
      startRestService({ check: ({ headers }) => headers.authorization === `Bearer ${TOKEN}` }),
      startLegacyMember(),
    ]);
  }, 60_000);
  afterEach(async () => void (await Promise.all(running.splice(0).map((composer) => composer.stop()))));
  afterAll(async () => {
    await Promise.all([service.stop(), member.close()]);
    await database.remove();
  });

  const start = async () => {
    const composer = await startComposer({ env: { ...database.env, COMPOSER_KEYS } });
    running.push(composer);
    return composer;
  };
  const works = async ({ url }: ComposerProcess, id = 'shop') => {
    expect(await callTool(url, `${id}_get_order`, { orderId: '7' })).toMatchObject({ structuredContent: { id: '7' } });
  };
  const config = (id: string) => service.member(id, { auth_strategy: 'bearer', auth: { token: TOKEN } });

  it('registers, calls, survives kill -9 and calls again', async () => {
    const first = await start();
    expect((await first.api('POST', '/api/v1/servers', config('shop'))).status).toBe(201);
    expect((await first.api('POST', '/api/v1/servers', { id: 'mcp', type: 'http', endpoint: member.url })).status).toBe(
      201,
    );
    await works(first);
    for (let round = 1; round <= 3; round++) {
      const { status } = await running.at(-1)!.api('POST', '/api/v1/servers', config(`round${round}`));
      expect(status).toBe(201);
      await pause(Math.random() * 50);
      await running.at(-1)!.kill('SIGKILL');
      const next = await start();
      await works(next);
      await works(next, `round${round}`);
      expect((await callTool(next.url, 'mcp_echo', { message: 'again' })).content[0].text).toBe('legacy: again');
    }
  }, 120_000);

  it('shows two composers each other’s members after a restart, and neither overwrites the other', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect((await one.api('POST', '/api/v1/servers', config('from-one'))).status).toBe(201);
    expect((await two.api('POST', '/api/v1/servers', config('from-two'))).status).toBe(201);
    expect((await two.api('POST', '/api/v1/servers', config('from-one'))).body.code).toBe('COMPOSER_SERVER_EXISTS');
    const ids = async (composer: ComposerProcess) =>
      (await composer.api('GET', '/api/v1/servers')).body.items.map((item: { id: string }) => item.id);
    expect(await ids(one)).toEqual(await ids(two));

    const patches = [one, two].flatMap((composer, n) =>
      Array.from({ length: 5 }, (_, i) => composer.api('PATCH', '/api/v1/servers/from-one', { label: `${n}.${i}` })),
    );
    const answers = await Promise.all(patches);
    const stored = answers.filter(({ status }) => status === 200);
    expect(stored.length + answers.filter(({ body }) => body.code === 'COMPOSER_SERVER_CONFLICT').length).toBe(10);
    expect((await one.api('GET', '/api/v1/servers/from-one')).body._meta.version).toBe(1 + stored.length);

    await Promise.all([one.kill('SIGTERM'), two.kill('SIGTERM')]);
    for (const composer of await Promise.all([start(), start()])) {
      expect(await toolNames(composer.url)).toEqual(
        expect.arrayContaining(['from-one_get_order', 'from-two_get_order']),
      );
      await works(composer, 'from-one');
      await works(composer, 'from-two');
    }
  }, 120_000);

  it('starts four at once on an empty database', async () => {
    const empty = await openTwoRoles();
    try {
      const env = { ...empty.env, COMPOSER_KEYS };
      const composers = await Promise.all(Array.from({ length: 4 }, () => startComposer({ env })));
      running.push(...composers);
      for (const composer of composers) expect((await composer.api('GET', '/health')).status).toBe(200);
      await Promise.all(running.splice(0).map((composer) => composer.stop()));
    } finally {
      await empty.remove();
    }
  }, 120_000);

  it('works as a role that owns nothing and sees no row without a tenant', async () => {
    const application = new Connection({ connectionString: database.env['DATABASE_URL'] });
    await application.connect();
    try {
      const owned = await application.query(`SELECT tablename FROM pg_tables WHERE tableowner = current_user`);
      expect(owned.rows).toEqual([]);
      const tables = await application.query<{ name: string; forced: boolean; has_tenant: boolean }>(
        `SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS has_tenant
           FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`,
      );
      const ofTenants = tables.rows.filter(({ has_tenant }) => has_tenant);
      expect(ofTenants.length).toBeGreaterThanOrEqual(3);
      expect(ofTenants.filter(({ forced }) => !forced)).toEqual([]);
      for (const { name } of ofTenants)
        expect([name, (await application.query(`SELECT * FROM ${name}`)).rows]).toEqual([name, []]);
      for (const statement of [
        'ALTER TABLE servers NO FORCE ROW LEVEL SECURITY',
        'DROP TABLE servers',
        'CREATE TABLE mine ()',
      ]) {
        await expect(application.query(statement)).rejects.toThrow(/must be owner|permission denied/);
      }
    } finally {
      await application.end();
    }
  });

  it('gets over a database that breaks all its connections', async () => {
    const composer = await start();
    await works(composer);
    const lost = await breakConnections(database);
    expect(lost).toBeGreaterThan(0);
    await works(composer);
    expect((await composer.api('PATCH', '/api/v1/servers/shop', { label: 'after the break' })).status).toBe(200);
    expect((await composer.api('GET', '/health')).status).toBe(200);
  }, 60_000);
});

/** Ends every connection of the application, as a restart of the database would, and waits until each has ended. */
async function breakConnections({ env }: TwoRoles): Promise<number> {
  const connection = new Connection({ connectionString: env['DATABASE_URL'] });
  await connection.connect();
  try {
    const { rowCount } = await connection.query(
      `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()`,
    );
    return rowCount ?? 0;
  } finally {
    await connection.end();
  }
}
