import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import {
  CompiledCopy,
  type OpenChangeFeed,
  type OpenDatabase,
  asSuperuser,
  copyEmbeddedTemplate,
  createRole,
  createTenant,
  openChangeFeed,
  openFresh,
  openPostgresDatabase,
  until,
} from '../../testing/index.js';
import type { Transaction } from '../database/transaction.js';

const announce =
  (topic = 'servers') =>
  (tx: Transaction) =>
    tx.announce(topic);

describe('changes on Postgres', () => {
  let db: OpenDatabase;
  let name: string;
  let tenant: TenantId;
  const open: OpenChangeFeed[] = [];
  beforeAll(async () => {
    db = await openPostgresDatabase();
    name = new URL((db.config as { url: string }).url).pathname.slice(1);
    tenant = await createTenant(db.database);
  });
  afterEach(async () => void (await Promise.all(open.splice(0).map((feed) => feed.close()))));
  afterAll(() => db?.close());

  const follow = async (options = {}): Promise<OpenChangeFeed> => {
    const feed = await openChangeFeed(db.config, options);
    open.push(feed);
    return feed;
  };
  const topicsOf = ({ told }: OpenChangeFeed, of: TenantId = tenant) =>
    told.filter(({ tenantId }) => tenantId === of).map(({ topic }) => topic);
  const tells = (feed: OpenChangeFeed, [topic, of]: readonly [string, TenantId?], withinMs: number) =>
    until(() => topicsOf(feed, of).includes(topic), `the change of ${topic}`, withinMs);
  const listeners = (work = '') =>
    asSuperuser(async (admin) => {
      const { rowCount } = await admin.query(
        `SELECT pid ${work} FROM pg_stat_activity WHERE datname = $1 AND application_name = 'mcp-composer changes'`,
        [name],
      );
      return rowCount ?? 0;
    });
  const cutListeners = () => listeners(', pg_terminate_backend(pid, 10000)');

  it('are told at once to the other process, and once to the one that made them', async () => {
    const [one, two] = [await follow(), await follow()];
    await until(async () => (await listeners()) === 2, 'both to listen');
    await one.database.inTenant(tenant, announce('at-once'));
    expect(topicsOf(one)).toContain('at-once');
    await tells(two, ['at-once'], 500);
    expect(await two.feed.settled(2_000)).toEqual([]);
    expect(topicsOf(one).filter((topic) => topic === 'at-once')).toHaveLength(1);
    expect(topicsOf(two).filter((topic) => topic === 'at-once')).toHaveLength(1);
  });

  it('are told at once where one role owns the tables and the application works as another', async () => {
    const owner = await createRole('lone', 'CREATEROLE');
    const single = await openFresh(owner, owner);
    const [one, two] = [await openChangeFeed(single.config), await openChangeFeed(single.config)];
    try {
      const own = await createTenant(single.database);
      await one.feed.settled(1_000);
      await one.database.inTenant(own, announce('lone'));
      await tells(two, ['lone', own], 500);
      expect([...one.lines, ...two.lines].filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
    } finally {
      await Promise.all([one.close(), two.close()]);
      await single.close();
    }
  });

  it('are told within two seconds where no notice arrives', async () => {
    const [one, two] = [await follow(), await follow({ hears: false })];
    for (let round = 0; round < 3; round++) {
      await one.database.inTenant(tenant, announce(`deaf-${round}`));
      await tells(two, [`deaf-${round}`], 2_000);
    }
  });

  it('are told within two seconds when the listening connection is cut, and at once when it is back', async () => {
    const [one, two] = [await follow({ hears: false }), await follow()];
    await until(async () => (await listeners()) === 1, 'it to listen');
    expect(await cutListeners()).toBe(1);
    await one.database.inTenant(tenant, announce('cut'));
    await tells(two, ['cut'], 2_000);
    await until(() => /told at once again/.test(two.lines.join('')), 'it to listen again');
    await one.database.inTenant(tenant, announce('back'));
    await tells(two, ['back'], 500);
    expect(two.lines.join('')).toContain('changes are not told at once any more');
  });

  it('are not lost when a transaction that announced earlier commits later', async () => {
    const [one, two] = [await follow(), await follow()];
    const other = await createTenant(db.database);
    let commit = (): void => undefined;
    const gate = new Promise<void>((resolve) => (commit = resolve));
    let isAnnounced = false;
    const slow = one.database.inTenant(tenant, async (tx) => {
      await tx.announce('slow');
      isAnnounced = true;
      await gate;
    });
    await until(() => isAnnounced, 'the slow transaction to announce');
    for (let round = 0; round < 3; round++) {
      await one.database.inTenant(other, announce(`fast-${round}`));
      await tells(two, [`fast-${round}`, other], 2_000);
      expect(await two.feed.settled(2_000)).toEqual([]);
    }
    expect(topicsOf(two)).not.toContain('slow');
    commit();
    await slow;
    await tells(two, ['slow'], 2_000);
  });

  it('are not lost when the transaction with the lower number is the second to write the row', async () => {
    const [one, two] = [await follow(), await follow()];
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    let isNumbered = false;
    const older = one.database.inTenant(tenant, async (tx) => {
      await tx.query('SELECT pg_current_xact_id()');
      isNumbered = true;
      await gate;
      await tx.announce('twice');
    });
    await until(() => isNumbered, 'the older transaction to have a number');
    await one.database.inTenant(tenant, announce('twice'));
    await tells(two, ['twice'], 2_000);
    expect(await two.feed.settled(2_000)).toEqual([]);
    go();
    await older;
    await until(() => topicsOf(two).filter((topic) => topic === 'twice').length === 2, 'the second change', 2_000);
  });

  it('of many tenants all arrive, each at its own tenant', async () => {
    const two = await follow();
    const one = await follow();
    const tenants = await Promise.all(Array.from({ length: 20 }, () => createTenant(db.database)));
    await Promise.all(
      tenants.flatMap((each, i) => [
        one.database.inTenant(each, announce('access')),
        ...(i % 2 ? [one.database.inTenant(each, announce('servers'))] : []),
      ]),
    );
    await until(() => tenants.every((each) => topicsOf(two, each).includes('access')), 'all changes', 2_000);
    await until(
      () => tenants.every((each, i) => !(i % 2) || topicsOf(two, each).includes('servers')),
      'the rest',
      2_000,
    );
    tenants.forEach((each, i) => expect(topicsOf(two, each).includes('servers')).toBe(i % 2 === 1));
  });

  it('that were made while the database was away from one process are told when it is back', async () => {
    const two = await follow();
    const [before] = [two.feed.staleness()];
    expect(before).toBeLessThan(2_000);
    await asSuperuser((admin) => admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`));
    await asSuperuser((admin) =>
      admin.query(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1`, [name]),
    );
    try {
      await until(() => two.feed.staleness() > 2_500, 'the proof to get old', 10_000);
    } finally {
      await asSuperuser((admin) => admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`));
    }
    await db.database.inTenant(tenant, announce('afterwards'));
    await tells(two, ['afterwards'], 2_000);
    await until(() => two.feed.staleness() < 1_500, 'a fresh proof', 5_000);
    expect(two.lines.filter((line) => line.includes('cannot be followed at the moment'))).toHaveLength(1);
    expect(two.lines.join('')).toContain('are followed again');
  });

  it('made before a process began are told to it, for nobody knows what it has read', async () => {
    await db.database.inTenant(tenant, announce('long-ago'));
    await tells(await follow(), ['long-ago'], 100);
  });

  it('are settled only when every replica has taken them over', async () => {
    const [one, two] = [await follow(), await follow()];
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    two.feed.onChange(({ topic }) => (topic === 'held' ? gate : undefined));
    await one.database.inTenant(tenant, announce('held'));
    const behind = await one.feed.settled(2_000);
    expect(behind).toHaveLength(1);
    expect(behind[0]!.name).toMatch(new RegExp(`:${process.pid}$`));
    finish();
    expect(await one.feed.settled(2_000)).toEqual([]);
  });

  it('are settled in much less than a polling interval where notices arrive', async () => {
    const [one] = [await follow(), await follow(), await follow()];
    await until(async () => (await listeners()) === 3, 'all to listen');
    for (let round = 0; round < 5; round++) {
      await one.database.inTenant(tenant, announce());
      const begun = performance.now();
      expect(await one.feed.settled(2_000)).toEqual([]);
      expect(performance.now() - begun).toBeLessThan(800);
    }
  });

  it('name a process that fell silent, without waiting for it, until it can serve nothing any more', async () => {
    const one = await follow();
    const dead = '00000000-0000-4000-8000-00000000dead';
    const silentFor = (seconds: number) =>
      db.database.asOperator((tx) =>
        tx.execute(
          `INSERT INTO replicas (id, name, seen_at, applied_at) VALUES ($1, 'gone:1', now() - $2 * interval '1 s', now() - $2 * interval '1 s')
           ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, applied_at = excluded.applied_at`,
          [dead, seconds],
        ),
      );
    await silentFor(20);
    expect(await one.feed.settled(30_000)).toEqual([{ id: dead, name: 'gone:1', silentMs: expect.any(Number) }]);
    await silentFor(400);
    const rows = () => db.database.asOperator((tx) => tx.query('SELECT id FROM replicas WHERE id = $1', [dead]));
    await until(async () => (await rows()).length === 0, 'it to be forgotten', 5_000);
    expect(await one.feed.settled(2_000)).toEqual([]);
  });

  it('keep nothing open and no replica behind after an orderly stop', async () => {
    const before = await db.database.asOperator((tx) => tx.query('SELECT id FROM replicas'));
    const one = await follow();
    await until(async () => (await listeners()) === 1, 'it to listen');
    expect(await db.database.asOperator((tx) => tx.query('SELECT id FROM replicas'))).toHaveLength(before.length + 1);
    await Promise.all(open.splice(0).map((feed) => feed.close()));
    expect(await db.database.asOperator((tx) => tx.query('SELECT id FROM replicas'))).toHaveLength(before.length);
    await until(async () => (await listeners()) === 0, 'the session to end', 2_000);
    expect(one.lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
  });
});

describe('changes of another process', () => {
  const FOLLOWER = `
import { Log, SecretValues } from './libs/observability/src/index.js';
import { ChangeNotices } from './libs/persistence/src/changes/change-notices.js';
import { PostgresChangeFeed } from './libs/persistence/src/changes/postgres.change-feed.js';
import { ApplicationRole } from './libs/persistence/src/database/application-role.js';
import { DatabaseConnection } from './libs/persistence/src/database/database-connection.js';
import { Database } from './libs/persistence/src/database/database.js';
const log = Log.open({ level: 'info', format: 'json' }, new SecretValues());
const connection = new DatabaseConnection(JSON.parse(process.argv[2]), log);
const role = new ApplicationRole(connection);
await connection.open();
const database = new Database(connection, role);
const feed = new PostgresChangeFeed(database, connection, new ChangeNotices(connection, role, log), log, {
  ring: { ids: ['kek_test'] },
});
feed.onModuleInit();
feed.onChange(({ topic }) => console.log(topic));
await feed.follow();
console.log('following');
setInterval(() => undefined, 1000);
`;
  let db: OpenDatabase;
  let copy: CompiledCopy;
  let child: ChildProcess;
  beforeAll(async () => {
    db = await openPostgresDatabase();
    copy = CompiledCopy.of('kernel', 'config', 'tenancy', 'observability', 'persistence');
  });
  afterAll(async () => {
    child?.kill('SIGKILL');
    await db?.close();
    copy?.remove();
  });

  it('are told across processes, and one that is killed is not taken for one that has followed', async () => {
    child = spawn(process.execPath, [copy.write('follower.mjs', FOLLOWER), JSON.stringify(db.config)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
    await until(() => lines.includes('following'), 'the process to follow');
    const tenant = await createTenant(db.database);
    const here = await openChangeFeed(db.config);
    try {
      await here.database.inTenant(tenant, announce('far'));
      await until(() => lines.includes('far'), 'the change over there', 2_000);
      expect(await here.feed.settled(2_000)).toEqual([]);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await here.database.inTenant(tenant, announce('alone'));
      expect(await here.feed.settled(200)).toMatchObject([{ name: expect.stringMatching(`:${child.pid}$`) }]);
    } finally {
      await here.close();
    }
  });
});

describe('changes on the embedded database', () => {
  it('are told by the process that makes them, never grow stale, and are settled when taken over', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'mcpc-data-'));
    await copyEmbeddedTemplate(dataDir);
    const { feed, database, told, close } = await openChangeFeed({ type: 'embedded', dataDir });
    try {
      const tenant = await createTenant(database);
      let finish = (): void => undefined;
      const gate = new Promise<void>((resolve) => (finish = resolve));
      feed.onChange(() => gate);
      await database.inTenant(tenant, announce('here'));
      expect(told).toEqual([{ tenantId: tenant, topic: 'here' }]);
      expect(feed.staleness()).toBe(0);
      expect(await feed.settled(100)).toHaveLength(1);
      finish();
      expect(await feed.settled(2_000)).toEqual([]);
    } finally {
      await close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
