import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { CompiledCopy, copyEmbeddedTemplate, holdCompiledEngine, until } from '../../testing/index.js';
import { DataDirectoryLockedError, EmbeddedStartError } from '../persistence.errors.js';
import { DirectoryLock } from './directory-lock.js';
import { type EmbeddedDatabase, claimEmbeddedDatabase, startEmbeddedDatabase } from './embedded-database.js';
import { ownIdentity } from './process-identity.js';

const HOLDER = `
import { startEmbeddedDatabase } from './libs/persistence/src/embedded/index.js';
const { host } = await startEmbeddedDatabase(process.argv[2]);
console.log(host);
`;
const WRITER = `
import { startEmbeddedDatabase } from './libs/persistence/src/embedded/index.js';
import pg from 'pg';
const { host, port, user, database } = await startEmbeddedDatabase(process.argv[2]);
const client = new pg.Client({ host, port, user, database });
await client.connect();
await client.query('CREATE TABLE IF NOT EXISTS acknowledged (n bigint PRIMARY KEY, half int, twin bigint)');
for (let n = Number(process.argv[3]); ; n += 1) {
  await client.query('BEGIN');
  await client.query('INSERT INTO acknowledged VALUES ($1, 1, $2)', [2 * n, n]);
  await client.query('INSERT INTO acknowledged VALUES ($1, 2, $2)', [2 * n + 1, n]);
  await client.query('COMMIT');
  console.log(n);
}
`;

async function query<R>(database: EmbeddedDatabase, sql: string): Promise<R[]> {
  const client = new Client({
    host: database.host,
    port: database.port,
    user: database.user,
    database: database.database,
  });
  await client.connect();
  try {
    return (await client.query(sql)).rows as R[];
  } finally {
    await client.end();
  }
}

describe('embedded database', () => {
  let copy: CompiledCopy;
  let template: string;
  let dataDir: string;
  const open: EmbeddedDatabase[] = [];
  const children: ChildProcess[] = [];
  const start = async (): Promise<EmbeddedDatabase> => {
    const database = await startEmbeddedDatabase(dataDir);
    open.push(database);
    return database;
  };
  const run = (source: string, ...args: string[]) => {
    const child = spawn(process.execPath, [copy.write(`child-${children.length}.mjs`, source), dataDir, ...args], {
      cwd: copy.directory,
      env: { ...process.env, TMPDIR: dataDir }, // what a killed process leaves goes with the directory
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout }) };
  };
  const killed = async (child: ChildProcess): Promise<void> => {
    const end = once(child, 'exit');
    child.kill('SIGKILL');
    await end;
  };

  beforeAll(async () => {
    copy = CompiledCopy.of('kernel', 'persistence');
    await holdCompiledEngine();
  });
  afterAll(() => copy.remove());
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'mcpc-data-'));
    template = join(dataDir, 'database');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) if (child.exitCode === null && !child.killed) await killed(child);
    for (const database of open.splice(0)) await database.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('starts in an empty directory, keeps what was written, and starts again in about a second', async () => {
    const first = await start();
    await query(first, 'CREATE TABLE t AS SELECT 1 AS a');
    await first.close();
    const began = performance.now();
    const second = await start();
    expect(performance.now() - began).toBeLessThan(5_000); // 0.3 s on an idle machine
    expect(await query(second, 'SELECT a FROM t')).toEqual([{ a: 1 }]);
  });

  it('is reachable for this user alone, and leaves neither socket nor lock behind', async () => {
    const database = await start();
    expect(statSync(database.host).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'database')).mode & 0o077).toBe(0);
    await database.close();
    await database.close();
    expect(existsSync(database.host)).toBe(false);
    expect(readdirSync(dataDir)).toEqual(['database']);
  });

  it('survives statements that fail, and clients that leave in the middle of a transaction', async () => {
    await copyEmbeddedTemplate(dataDir);
    const database = await start();
    await expect(query(database, 'nonsense')).rejects.toThrow('syntax error');
    await query(database, 'CREATE TABLE t (a int)');
    await query(database, 'BEGIN; INSERT INTO t VALUES (1)');
    expect(await query(database, 'SELECT a FROM t')).toEqual([]);
  });

  it('is claimed once by whoever needs it, and started where nobody has', async () => {
    await copyEmbeddedTemplate(dataDir);
    const early = start();
    const claimed = await claimEmbeddedDatabase(dataDir);
    expect(claimed).toBe(await early);
    await expect(claimEmbeddedDatabase(dataDir)).rejects.toThrow(DataDirectoryLockedError);
    await claimed.close();
    const late = await claimEmbeddedDatabase(dataDir);
    open.push(late);
    expect(late).not.toBe(claimed);
  });

  it('refuses a directory that another process has open, naming that process and the directory', async () => {
    await copyEmbeddedTemplate(dataDir);
    const { child, lines } = run(HOLDER);
    await once(lines, 'line');
    const error = await start().catch((failure: unknown) => failure as Error);
    expect(error).toBeInstanceOf(DataDirectoryLockedError);
    expect((error as Error).message).toContain(`process ${child.pid}`);
    expect((error as Error).message).toContain(dataDir);
  });

  it('takes over from a process that was killed, and removes the socket that it left', async () => {
    await copyEmbeddedTemplate(dataDir);
    const { child, lines } = run(HOLDER);
    const [host] = (await once(lines, 'line')) as [string];
    await killed(child);
    expect(existsSync(host)).toBe(true);
    const database = await start();
    expect(await query(database, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
    expect(existsSync(host)).toBe(false);
  });

  it('loses no acknowledged transaction and shows no half one when the process is killed while it writes', async () => {
    await copyEmbeddedTemplate(dataDir);
    let next = 0;
    for (let round = 0; round < 4; round += 1) {
      const { child, lines } = run(WRITER, `${next}`);
      let last = next - 1;
      lines.on('line', (line) => (last = Number(line)));
      while (last < next + 20 + round * 7) await once(lines, 'line');
      await killed(child);
      const database = await start();
      const rows = await query<{ n: string; rows: string }>(
        database,
        'SELECT twin AS n, count(*) AS rows FROM acknowledged GROUP BY twin ORDER BY twin',
      );
      expect(rows.filter((row) => row.rows !== '2')).toEqual([]);
      const kept = rows.map(({ n }) => Number(n));
      expect(kept.slice(0, last + 1)).toEqual(Array.from({ length: last + 1 }, (_, n) => n));
      await database.close();
      next = kept.length;
    }
  }, 60_000);

  it('opens after a kill during the very first start', async () => {
    const { child } = run(HOLDER);
    while (!existsSync(join(template, 'PG_VERSION'))) await new Promise((resolve) => setTimeout(resolve, 5));
    await killed(child);
    expect(await query(await start(), 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
  }, 60_000);

  it('sets a half-made first cluster aside, and never one that has worked', async () => {
    mkdirSync(join(template, 'base'), { recursive: true });
    writeFileSync(join(template, 'PG_VERSION'), '18\n');
    await (await start()).close();
    expect(readdirSync(dataDir).filter((name) => name.startsWith('database.incomplete-'))).toHaveLength(1);
    rmSync(join(template, 'global'), { recursive: true });
    await expect(start()).rejects.toThrow(EmbeddedStartError);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('database.incomplete-'))).toHaveLength(1);
    expect(existsSync(join(dataDir, 'database.lock'))).toBe(false);
  }, 60_000);

  it('tells when it ends unasked, and not when it is closed', async () => {
    const told: string[] = [];
    await copyEmbeddedTemplate(dataDir);
    const closed = await start();
    closed.onLoss(() => told.push('closed'));
    await closed.close();
    const lost = await start();
    lost.onLoss(() => told.push('lost'));
    await (lost as unknown as { worker: Worker }).worker.terminate();
    await until(() => told.length > 0, 'the news of the loss');
    expect(told).toEqual(['lost']);
  });
});

describe('lock of the data directory', () => {
  let directory: string;
  const taken: DirectoryLock[] = [];
  const acquire = async (onTakeover: (leftover: string) => void = () => undefined): Promise<DirectoryLock> => {
    const lock = await DirectoryLock.acquire(join(directory, 'lock'), { leftover: 'mine', onTakeover, heartbeat: 200 });
    taken.push(lock);
    return lock;
  };
  const leave = (record: object): void => writeFileSync(join(directory, 'lock'), JSON.stringify(record));
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mcpc-lock-'));
  });
  afterEach(() => {
    for (const lock of taken.splice(0)) lock.release();
    rmSync(directory, { recursive: true, force: true });
  });

  it('goes to exactly one of many that want it at once, also when a dead process holds it', async () => {
    for (const dead of [undefined, { ...ownIdentity(), started: 'long ago', nonce: 'n', leftover: 'theirs' }]) {
      if (dead) leave(dead);
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => acquire()));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const lock of taken.splice(0)) lock.release();
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it('is taken from a dead process whose number is in use again', async () => {
    const left: string[] = [];
    leave({
      pid: process.pid,
      started: 'another/1',
      namespace: ownIdentity().namespace,
      nonce: 'n',
      leftover: 'theirs',
    });
    await acquire((leftover) => left.push(leftover));
    expect(left).toEqual(['theirs']);
  });

  it('is taken when its file is unreadable, as after a power cut', async () => {
    writeFileSync(join(directory, 'lock'), '');
    await expect(acquire()).resolves.toBeDefined();
  });

  it('is not taken from a holder in another pid namespace whose heart beats', async () => {
    const other = { pid: 1, started: 'b/1', namespace: 'pid:[1]', nonce: 'n', leftover: 'theirs' };
    leave(other);
    const beat = setInterval(() => leave(other), 50);
    try {
      await expect(acquire()).rejects.toMatchObject({ pid: 1 });
    } finally {
      clearInterval(beat);
    }
  });

  it('is taken from a holder in another pid namespace that fell silent', async () => {
    leave({ pid: 1, started: 'b/1', namespace: 'pid:[1]', nonce: 'n', leftover: 'theirs' });
    await expect(acquire()).resolves.toBeDefined();
  });

  it('leaves the lock of a successor alone when it is released late', async () => {
    const late = await acquire();
    leave({ ...ownIdentity(), nonce: 'successor', leftover: '' });
    late.release();
    expect(readFileSync(join(directory, 'lock'), 'utf8')).toContain('successor');
  });
});
