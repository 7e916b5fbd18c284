import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Ended, RunningChild } from '../support/child-process.js';
import { startComposer } from '../support/composer-process.js';

const CLI = fileURLToPath(new URL('../../dist/apps/composer/src/cli.js', import.meta.url));
const SECRET = 'p4ssw0rd-that-nobody-may-see';

let scratch: string;

beforeEach(() => void (scratch = mkdtempSync(join(tmpdir(), 'composer-cli-'))));
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

describe('composer', () => {
  it.each([
    { args: ['--help'], says: /migrate[\s\S]*check[\s\S]*Exit codes: 0 done, 1 refused, 2 wrong usage/ },
    { args: ['migrate', '--help'], says: /--down <n>[\s\S]*--json/ },
    { args: ['check', '--help'], says: /--json/ },
  ])('shows its usage for $args and exits with 0', async ({ args, says }) => {
    expect(await composer(args)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(says) });
  });

  it.each([
    { args: [], says: /^Usage: composer/ },
    { args: ['nope'], says: /^error: unknown command 'nope'/ },
    { args: ['check', '--nope'], says: /^error: unknown option '--nope'/ },
    { args: ['check', 'more'], says: /^error: too many arguments/ },
    { args: ['migrate', '--down'], says: /^error: option '--down <n>' argument missing/ },
    ...['0', '-1', '1.5', 'all', '99999'].map((n) => ({ args: ['migrate', '--down', n], says: /whole number/ })),
  ])('refuses the usage $args with 2 and says why on stderr', async ({ args, says }) => {
    expect(await composer(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(says) });
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe('composer check', () => {
  it('finds nothing wrong with no configuration at all, and starts and creates nothing', async () => {
    expect(await composer(['check'])).toMatchObject({ code: 0, stdout: 'the configuration is valid\n', stderr: '' });
    expect(await composer(['check', '--json'])).toMatchObject({ code: 0, stdout: '{"valid":true,"faults":[]}\n' });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('lists the faults of all slices at once, by name and never by value', async () => {
    const env = {
      LOG_LEVEL: SECRET,
      DATABASE_TYPE: 'postgres',
      DATABASE_URL: `mysql://user:${SECRET}@host/db`,
      COMPOSER_KEYS: `k1:${SECRET}`,
      EGRESS_ALLOW: `${SECRET}:x:y`,
      TOOLS_PAGE_SIZE: '0',
      PORT: SECRET,
    };
    const { code, stdout, stderr } = await composer(['check', '--json'], env);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const { valid, faults } = JSON.parse(stdout);
    expect(valid).toBe(false);
    const names = Object.keys(env).filter((name) => name !== 'DATABASE_TYPE');
    expect([...new Set(faults.map(({ variable }: { variable: string }) => variable))].sort()).toEqual(names.sort());
    expect(faults.every(({ message }: { message: string }) => message.length > 0)).toBe(true);

    const text = await composer(['check'], env);
    expect(text.code).toBe(1);
    expect(text.stdout.trimEnd().split('\n')).toHaveLength(faults.length);
    for (const name of names) expect(text.stdout).toMatch(new RegExp(`^${name}: \\w`, 'm'));
    expect(stdout + text.stdout + text.stderr).not.toContain(SECRET);
  });

  it('reads the files of the stage, and secrets from files', async () => {
    writeFileSync(join(scratch, '.env.staging'), 'PORT=none\n');
    writeFileSync(join(scratch, '.env'), 'COMPOSER_STAGE=staging\nCOMPOSER_KEYS_FILE=missing\n');
    const { code, stdout } = await composer(['check']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^PORT: /m);
    expect(stdout).toMatch(/^COMPOSER_KEYS_FILE: cannot be read$/m);
  });
});

describe('composer migrate', () => {
  it('brings the schema up to date, once, and takes back what it is told', async () => {
    const up = answerOf(await composer(['migrate', '--json']));
    expect(up.applied.length).toBeGreaterThan(2);
    expect(answerOf(await composer(['migrate', '--json']))).toEqual({ applied: [] });
    const newest = [...up.applied].reverse();
    expect(answerOf(await composer(['migrate', '--down', '1', '--json']))).toEqual({ undone: newest.slice(0, 1) });
    expect(answerOf(await composer(['migrate', '--down', '1', '--json']))).toEqual({ undone: newest.slice(1, 2) });
    const again = await composer(['migrate']);
    expect(again.stdout).toBe(`applied ${newest[1]}\napplied ${newest[0]}\n`);
    expect((await composer(['migrate'])).stdout).toBe('the schema is up to date\n');
    expect(answerOf(await composer(['migrate', '--down', '9999', '--json']))).toEqual({ undone: newest });
    expect((await composer(['migrate', '--down', '1'])).stdout).toBe('there is no migration to take back\n');
  }, 60_000);

  it('leaves a database that a composer starts on, and needs no key ring', async () => {
    expect((await composer(['migrate'], { COMPOSER_STAGE: 'production' })).code).toBe(0);
    const process = await startComposer({ dataDir: join(scratch, 'data') });
    try {
      expect((await process.api('GET', '/health/ready')).status).toBe(200);
    } finally {
      await process.stop();
    }
  }, 60_000);

  it('is refused, with one line and 1, while a composer has the embedded database open', async () => {
    const process = await startComposer({ dataDir: join(scratch, 'data') });
    try {
      const { code, stdout, stderr } = await composer(['migrate', '--json']);
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toEqual({
        error: { code: 'COMPOSER_DATA_DIR_LOCKED', message: expect.stringContaining(String(process.pid)) },
      });
      expect(stderr).toMatch(/^composer: process \d+ has the embedded database .*\n$/);
      expect((await process.api('GET', '/health/ready')).status).toBe(200);
    } finally {
      await process.stop();
    }
  }, 60_000);

  it('is refused by a database that is not there, without telling its password', async () => {
    const url = `postgres://composer:${SECRET}@127.0.0.1:1/composer`;
    const { code, stdout, stderr } = await composer(['migrate'], { DATABASE_TYPE: 'postgres', DATABASE_URL: url });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^composer: the database cannot be reached.*\n$/);
    expect(stderr).not.toContain(SECRET);
  });
});

/** The working directory holds nothing but what a test puts there. */
async function composer(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const dataDir = join(scratch, 'data');
  return new RunningChild([process.execPath, CLI, ...args], {
    cwd: scratch,
    env: { COMPOSER_DATA_DIR: dataDir, ...env },
  }).end(60_000);
}

function answerOf({ code, stdout, stderr }: Ended): { readonly applied: readonly string[] } {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.split('\n')).toHaveLength(2); // one line
  return JSON.parse(stdout);
}
