import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { asSuperuser, openChangeFeed, openDatabase, openKeyRing, randomKeys, until } from '#persistence/testing';
import { SealingLoad, type SealingProcess } from '../fixtures/sealing-load.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type SealedTenant, fillWithTenants, placeOf, secretOf } from '../fixtures/wrapped-estate.js';
import { RunningChild } from '../support/child-process.js';

const TENANTS = Number(process.env['KEY_ROTATION_TENANTS'] ?? 1_000);
const KILLS = Number(process.env['KEY_ROTATION_KILLS'] ?? 2);
const WITHIN_MS = 60_000;
const PARALLEL = 8;
const CLI = fileURLToPath(new URL('../../dist/apps/composer/src/cli.js', import.meta.url));
/** A statement that re-wraps takes longer in the rounds that are killed, so that there is a middle. */
const SLOW = `
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
  CREATE TRIGGER slow AFTER UPDATE ON data_keys FOR EACH STATEMENT EXECUTE FUNCTION slow()`;
const FAST = 'DROP TRIGGER slow ON data_keys; DROP FUNCTION slow';

interface Counts {
  readonly active: string;
  readonly sealed: Readonly<Record<string, number>>;
}

describe(`the rotation of ${TENANTS} wrapped keys under load`, () => {
  let database: TwoRoles;
  let directory: string;
  let tenants: readonly SealedTenant[];
  let load: SealingLoad;
  let env: Readonly<Record<string, string>>;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    database = await openTwoRoles();
    directory = mkdtempSync(join(tmpdir(), 'mcpc-rotation-load-'));
    const keys = randomKeys('first');
    writeFileSync(join(directory, 'keys'), keys);
    env = { ...database.env, COMPOSER_KEYS_FILE: join(directory, 'keys'), LOG_FORMAT: 'json' };
    const processes = [await serve(), await serve()];
    tenants = await fillWithTenants(database.name, keys, TENANTS);
    load = new SealingLoad(processes, tenants);
  }, 180_000);
  afterAll(async () => {
    await load?.stop();
    for (const close of closing.reverse()) await close();
    await database?.remove();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  /** What a composer has that serves on this database. */
  async function serve(): Promise<SealingProcess> {
    const url = database.env['DATABASE_URL']!;
    const db = await openDatabase({ type: 'postgres', url, migrationUrl: database.env['MIGRATION_DATABASE_URL']! });
    closing.push(() => db.close());
    const ring = await openKeyRing(db.database, { file: env['COMPOSER_KEYS_FILE']!, isGiven: true });
    closing.push(() => ring.close());
    ring.keys.follow();
    const feed = await openChangeFeed(db.config, { keys: ring.file });
    closing.push(() => feed.close());
    return { db, ring };
  }

  const keys = (...args: readonly string[]): RunningChild =>
    new RunningChild([process.execPath, CLI, 'keys', ...args, '--json'], { cwd: directory, env });
  const answerOf = async (child: RunningChild, withinMs = WITHIN_MS): Promise<Counts> => {
    const { code, stdout, stderr } = await child.end(withinMs);
    if (code !== 0) throw new Error(`the command ended with ${code}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as Counts;
  };
  const underOthers = ({ active, sealed }: Counts): number =>
    Object.entries(sealed).reduce((sum, [id, count]) => (id === active ? sum : sum + count), 0);
  const onServer = (sql: string) => asSuperuser(async (admin) => void (await admin.query(sql)), database.name);

  it('is done within a minute, and nobody fails to seal or to open', async () => {
    const before = load.done;
    const begun = performance.now();
    const counts = await answerOf(keys('rotate'));
    const seconds = (performance.now() - begun) / 1000;
    process.stderr.write(
      `${TENANTS} keys re-wrapped in ${seconds.toFixed(1)} s, the start of the command included, beside ` +
        `${load.done - before} values that were sealed or opened, ${load.failures.length} of them in vain\n`,
    );
    expect(load.failures).toEqual([]);
    expect(load.done - before).toBeGreaterThan(10);
    expect(counts.active).not.toBe('first');
    expect(counts.sealed['first']).toBe(0);
    expect(counts.sealed[counts.active]).toBeGreaterThanOrEqual(TENANTS);
  }, 90_000);

  it(
    'is finished by the next one when it is killed in its middle, however often',
    async () => {
      let killed = 0;
      for (let round = 0; round < KILLS; round += 1) {
        const { active } = await answerOf(keys('status'));
        const middle = async (): Promise<boolean> => {
          const rows = await database.count(`SELECT FROM data_keys WHERE kek_id = '${active}'`);
          return rows > 0 && rows < TENANTS;
        };
        await onServer(SLOW);
        const rotating = keys('rotate');
        await until(middle, 'the rotation to come to its middle');
        await rotating.kill('SIGKILL');
        if (await middle()) killed += 1;
        await onServer(FAST);
        const finished = await answerOf(keys('rotate'));
        expect(underOthers(finished)).toBe(0);
        expect(finished.active).not.toBe(active);
      }
      process.stderr.write(`${killed} of ${KILLS} rotations killed in the middle, each finished by the next one\n`);
      expect(killed).toBe(KILLS);
      expect(load.failures).toEqual([]);
    },
    120_000 + KILLS * 40_000,
  );

  it(
    'leaves everything open to a ring that holds nothing but the new key',
    async () => {
      await load.stop();
      expect(load.failures).toEqual([]);
      const { active, sealed } = await answerOf(keys('status'));
      const old = Object.keys(sealed).filter((id) => id !== active);
      for (const id of old) await answerOf(keys('rotate', '--drop', id));
      const { ring } = await serve();
      expect(ring.keys.ring.ids).toEqual([active]);
      const all = [...tenants, ...load.added];
      const left = [...all];
      const openRest = async (): Promise<void> => {
        for (let next = left.pop(); next; next = left.pop()) {
          expect(await ring.sealer.open(placeOf(next.id), next.sealed)).toBe(secretOf(next.id));
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, openRest));
      process.stderr.write(`${all.length} values open under the new key alone, ${old.length} old keys dropped\n`);
    },
    120_000 + KILLS * 20_000 + TENANTS * 20,
  );
});
