import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type OpenDatabase,
  asSuperuser,
  openEmbeddedDatabase,
  openPostgresDatabase,
  openPresence,
  until,
} from '../../testing/index.js';
import type { ProcessPresence } from './process-presence.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function opened(open: () => Promise<OpenDatabase>): Promise<OpenDatabase> {
  const db = await open();
  closing.push(() => db.close());
  return db;
}

function present({ config }: OpenDatabase): ProcessPresence {
  const { presence, close } = openPresence(config);
  closing.push(close);
  return presence;
}

/** Whether `observer` takes the process `number` to be gone. */
async function isGone(db: OpenDatabase, observer: ProcessPresence, number: number): Promise<boolean> {
  const [row] = await db.database.asOperator((tx) =>
    tx.query<{ gone: boolean }>(`SELECT ${observer.goneSql('n')} AS gone FROM (SELECT $1::int AS n) one`, [number]),
  );
  return row!.gone;
}

describe('the presence of a process, on Postgres', () => {
  it('is seen by others from the first call until the process ends it', async () => {
    const db = await opened(openPostgresDatabase);
    const [one, other] = [present(db), present(db)];
    expect(await isGone(db, other, one.number)).toBe(true);
    expect(await one.show()).toBe(true);
    expect(await isGone(db, other, one.number)).toBe(false);
    expect(await isGone(db, one, one.number)).toBe(false);
    await one.onApplicationShutdown();
    expect(await isGone(db, other, one.number)).toBe(true);
    expect(await one.show()).toBe(false);
  });

  it('comes back by itself when its session was ended', async () => {
    const db = await opened(openPostgresDatabase);
    const one = present(db);
    await one.show();
    const end = () =>
      asSuperuser((admin) =>
        admin.query(
          `SELECT pg_terminate_backend(pid, 10000) FROM pg_locks
            WHERE locktype = 'advisory' AND objid::bigint = $1 AND granted`,
          [one.number],
        ),
      );
    expect((await end()).rowCount).toBe(1);
    await until(
      async () => !(await isGone(db, one, one.number)) && (await one.show()),
      'the presence to come back',
      5_000,
    );
  });

  it('is not mistaken for one in another database of the same server', async () => {
    const [db, another] = [await opened(openPostgresDatabase), await opened(openPostgresDatabase)];
    const one = present(db);
    await one.show();
    expect(await isGone(another, present(another), one.number)).toBe(true);
  });

  it('is not shown where no session can be had, and does not hold anybody up', async () => {
    const { presence, close } = openPresence({
      type: 'postgres',
      url: 'postgres://nobody@127.0.0.1:1/none',
      migrationUrl: '',
    });
    closing.push(close);
    expect(await presence.show()).toBe(false);
  });
});

describe('the presence of a process, embedded', () => {
  it('is that of the one process there can be', async () => {
    const db = await opened(openEmbeddedDatabase);
    const [before, now] = [present(db), present(db)];
    expect(await now.show()).toBe(true);
    expect(await isGone(db, now, before.number)).toBe(true);
    expect(await isGone(db, now, now.number)).toBe(false);
  });
});
