import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '#persistence/testing';
import { type Grant, type Issuer, startIssuer } from '../../scripts/refresh/issuer.mjs';
import { type Ground, type Place, type Worker, openGround, startWorker } from '../../scripts/refresh/workers.mjs';
import { RunningChild } from '../support/child-process.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const JOURNAL = 'unsettled-credentials';
const LEASE_MS = 30_000;
/** Over before anybody asks. 0 would mean that the issuer does not say. */
const EXPIRED_S = 0.001;

interface Row {
  readonly [name: string]: number | readonly string[];
}

/** The rows of its table. */
async function run(script: string, ...args: readonly string[]): Promise<readonly Row[]> {
  const child = new RunningChild([process.execPath, `scripts/${script}.mjs`, ...args, '--json'], {
    cwd: ROOT,
    env: { TEST_DATABASE_URL: process.env['TEST_DATABASE_URL'] },
  });
  const { code, stdout, stderr } = await child.end(280_000);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.any(String), stderr: '' });
  return JSON.parse(stdout) as Row[];
}

describe('many calls on an expired credential, over three processes', () => {
  it('cost one token request for each expiry, and nobody fails', async () => {
    const rows = await run('refresh-bench', '--latency', '50', '--expiries', '4');
    expect(rows).toMatchObject([{ latency: 50, expiries: 4, requests: 4, calls: 4_000, failed: 0, revoked: 0 }]);
  }, 300_000);

  it('cost the same as tool calls of whole composers', async () => {
    const rows = await run('refresh-bench', '--composers', '--latency', '50', '--expiries', '2');
    expect(rows).toMatchObject([{ expiries: 2, requests: 2, calls: 1_200, failed: 0, revoked: 0 }]);
  }, 300_000);
});

describe('processes that are killed while they renew', () => {
  it('lose no grant where the issuer has some grace, and none silently where it has not', async () => {
    const [grace, strict] = await run('refresh-chaos', '--kills', '10', '--grants', '40');
    expect(grace).toMatchObject({ grace: 30, kills: 10, lost: 0 });
    expect(strict).toMatchObject({ grace: 0, kills: 10, silent: 0 });
    expect(strict!['flagged']).toBe(strict!['lost']);
  }, 300_000);
});

describe.each(['refresh-bench', 'refresh-chaos'])('%s', (script) => {
  it('says how it is used', async () => {
    const help = await new RunningChild([process.execPath, `scripts/${script}.mjs`, '--help'], { cwd: ROOT }).end();
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('usage: npm run') });
    const wrong = await new RunningChild([process.execPath, `scripts/${script}.mjs`, '--nonsense'], {
      cwd: ROOT,
    }).end();
    expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('usage: npm run') });
  });
});

describe('a Postgres that is stopped between the issuer’s answer and the commit', () => {
  let server: RealPostgres;
  let ground: Ground;
  let issuer: Issuer;
  let place: Place;
  let grant: Grant;
  let one: Worker;
  const workers: Worker[] = [];
  const dataDir = (): string => join(ground.scratch, 'data');
  const journal = () => readdir(join(dataDir(), JOURNAL)).catch(() => []);
  const start = async (): Promise<Worker> => {
    const worker = await startWorker(ground, issuer, { dataDir: dataDir() });
    workers.push(worker);
    return worker;
  };
  const stored = async (): Promise<unknown> => {
    const sql = `SELECT generation::int AS generation, state FROM credentials WHERE fingerprint = $1`;
    return (await ground.query(sql, [place.name]))[0];
  };
  /** The token is rotated, and the database gone before the answer is. */
  const callWhileStopping = async (calls: number) => {
    let resume: Promise<() => Promise<void>> | undefined;
    issuer.onRotated(() => {
      resume ??= server.crash();
    });
    const outcome = await one.ask('calls', { ...place, count: calls });
    return { outcome, resume: await resume! };
  };

  beforeAll(async () => {
    server = await startRealPostgres();
    ground = await openGround({ serverUrl: server.url });
    issuer = await startIssuer({ latencyMs: 2_000 });
  }, 120_000);
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.kill('SIGKILL')));
  });
  afterAll(async () => {
    await issuer?.stop();
    await ground?.close();
    await server?.stop();
  }, 60_000);

  async function givenExpired(name: string): Promise<void> {
    one = await start();
    place = { tenant: await ground.tenant(name), name };
    const given = issuer.grant(name);
    ({ grant } = given);
    issuer.seen.requests = 0;
    await one.ask('put', { ...place, tokens: { ...given.tokens, expires_in: EXPIRED_S } });
  }

  it('costs no call: the token is used from memory, and stored when the database is back', async () => {
    await givenExpired('memory');
    const { outcome, resume } = await callWhileStopping(50);
    expect(outcome).toMatchObject({ errors: [], generations: [2] });
    expect(await one.ask('calls', { ...place, count: 50 })).toMatchObject({ errors: [], tokens: outcome.tokens });
    const [file] = await journal();
    const text = await readFile(join(dataDir(), JOURNAL, file!), 'utf8');
    for (const secret of [grant.current, ...outcome.tokens]) expect(text).not.toContain(secret);

    await resume();
    await until(async () => (await journal()).length === 0, 'the journal to be empty', 20_000);
    expect(await stored()).toEqual({ generation: 2, state: 'live' });
    const other = await start();
    expect(await other.ask('calls', { ...place, count: 5 })).toMatchObject({ errors: [], tokens: outcome.tokens });
    expect(issuer.seen).toEqual({ requests: 1, revocations: 0 });
  }, 120_000);

  it('costs no grant either when the process is killed before the database is back', async () => {
    await givenExpired('journal');
    const { outcome, resume } = await callWhileStopping(5);
    expect(outcome.errors).toEqual([]);
    expect(await journal()).toHaveLength(1);
    await one.kill('SIGKILL');
    await resume();
    const next = await start();
    expect(await next.ask('calls', { ...place, count: 5 })).toMatchObject({ errors: [], tokens: outcome.tokens });
    expect(await stored()).toEqual({ generation: 2, state: 'live' });
    expect(await journal()).toEqual([]);
    expect(issuer.seen).toEqual({ requests: 1, revocations: 0 });
  }, 120_000);
});

describe('a process that is suspended while it renews', () => {
  it('is taken over when its lease is over, and what it brings afterwards is not stored', async () => {
    const ground = await openGround();
    const issuer = await startIssuer({ latencyMs: 200, graceMs: 120_000 });
    const [one, two] = [await startWorker(ground, issuer), await startWorker(ground, issuer)];
    try {
      const place = { tenant: await ground.tenant('suspended'), name: 'suspended' };
      const { tokens } = issuer.grant(place.name);
      await one.ask('put', { ...place, tokens: { ...tokens, expires_in: EXPIRED_S } });
      issuer.onRotated(() => one.signal('SIGSTOP'));
      const late = one.ask('calls', { ...place, count: 3 });
      await until(() => issuer.seen.requests === 1, 'the first request', 10_000);
      const begun = performance.now();
      const taken = await two.ask('calls', { ...place, count: 3 });
      const tookMs = performance.now() - begun;
      expect(taken).toMatchObject({ errors: [], generations: [2] });
      expect(tookMs).toBeGreaterThan(LEASE_MS - 5_000);
      expect(tookMs).toBeLessThan(LEASE_MS + 5_000);

      one.signal('SIGCONT');
      expect(await late).toMatchObject({ errors: [], generations: [2], tokens: taken.tokens });
      const [row] = await ground.query(
        `SELECT generation::int AS generation, state,
                (SELECT count(*)::int FROM audit_events WHERE action = 'credential.refreshed') AS refreshes FROM credentials`,
      );
      expect(row).toEqual({ generation: 2, state: 'live', refreshes: 1 });
      expect(issuer.seen).toEqual({ requests: 2, revocations: 0 });
    } finally {
      one.signal('SIGCONT');
      await Promise.all([one.kill(), two.kill()]);
      await issuer.stop();
      await ground.close();
    }
  }, 120_000);
});
