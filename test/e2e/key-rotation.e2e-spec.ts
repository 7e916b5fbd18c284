import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomKeys } from '#persistence/testing';
import { callTool } from '../fixtures/mcp-clients.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { SteadyLoad } from '../fixtures/steady-load.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type CommandLine, commandLine } from '../support/command-line.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const TOKEN = 'token-of-the-shop';
const LONG = 180_000;

let scratch: string;
let service: RestService;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'composer-rotation-'));
  service = await startRestService({ check: ({ headers }) => headers.authorization === `Bearer ${TOKEN}` });
});
afterAll(async () => {
  await service.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const register = async (composer: ComposerProcess, id: string): Promise<void> => {
  const config = service.member(id, { auth_strategy: 'bearer', auth: { token: TOKEN } });
  expect((await composer.api('POST', '/api/v1/servers', config)).status).toBe(201);
};
const calls = async ({ url }: ComposerProcess, id: string): Promise<void> => {
  expect((await callTool(url, `${id}_get_order`, { orderId: '7' })).isError).not.toBe(true);
};

describe('two composers on one Postgres, with a key ring in a file', () => {
  let database: TwoRoles;
  let composers: ComposerProcess[];
  let command: CommandLine;
  let env: Record<string, string>;
  let file: string;

  beforeAll(async () => {
    database = await openTwoRoles();
    file = join(scratch, 'keys');
    writeFileSync(file, randomKeys('k1'), { mode: 0o600 });
    env = { ...database.env, COMPOSER_KEYS_FILE: file, LOG_FORMAT: 'json' };
    composers = [await startComposer({ env }), await startComposer({ env })];
    command = commandLine(env);
    for (const id of ['shop', 'store']) await register(composers[0]!, id);
  }, LONG);
  afterAll(async () => {
    await Promise.all((composers ?? []).map((composer) => composer.stop()));
    command?.remove();
    await database?.remove();
  }, 60_000);

  it(
    'take a new key into use and the old one out, beside calls of which none fails, and start again without it',
    async () => {
      const before = await command.json('keys', 'status');
      expect(before).toEqual({ active: 'k1', sealed: { k1: expect.any(Number) } });
      const wrapped = await database.count('SELECT kek_id FROM data_keys UNION ALL SELECT kek_id FROM audit_chains');
      expect(before.sealed.k1).toBe(wrapped);
      expect(wrapped).toBeGreaterThanOrEqual(2); // a data key, and the key of an audit trail
      await expectRefused(['keys', 'rotate', '--drop', 'k1'], 'COMPOSER_KEY_IN_USE');

      const load = new SteadyLoad(
        composers.map(({ url }) => ({ url, tool: 'shop_get_order', args: { orderId: '1' } })),
      );
      let active: string;
      try {
        ({ active } = await command.json('keys', 'rotate'));
        const after = await command.json('keys', 'status');
        expect(after).toEqual({ active, sealed: { [active]: before.sealed.k1, k1: 0 } });
        expect(await command.json('keys', 'rotate', '--drop', 'k1')).toEqual({
          active,
          sealed: { [active]: before.sealed.k1 },
          removed: true,
        });
        await register(composers[1]!, 'late');
      } finally {
        await load.stop();
      }
      expect(load.failures()).toEqual([]);
      expect(load.calls.length).toBeGreaterThan(20);
      expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${active}:\\S+\n$`));

      for (const composer of composers.splice(0)) await composer.stop();
      composers.push(await startComposer({ env }));
      for (const id of ['shop', 'store', 'late']) await calls(composers[0]!, id);
      expect(await command.json('audit', 'verify')).toMatchObject({ intact: true });
      expect(composers[0]!.stderr()).not.toMatch(/"level":"(warn|error)".*key/);
    },
    LONG,
  );

  it('tell people what goes on, and what may be dropped', async () => {
    const { code, stdout, stderr } = await command.run('keys', 'rotate');
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^"\S+" wraps everything\n[\s\S]+ seals\n[\s\S]+ may be dropped/),
      stderr: expect.stringMatching(/^new key "\S+" added to the ring\n/),
    });
    await expectRefused(['keys', 'rotate', '--drop', 'k9'], 'COMPOSER_RING_KEY_UNKNOWN');
    expect(await command.run('keys', '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/status[\s\S]+rotate/),
    });
    expect(await command.run('keys')).toMatchObject({ code: 2 });
  }, 60_000);

  async function expectRefused(args: readonly string[], code: string): Promise<void> {
    const ended = await command.run(...args, '--json');
    expect([ended.code, JSON.parse(ended.stdout)]).toEqual([1, { error: { code, message: expect.any(String) } }]);
  }
});

describe('a composer on the embedded database', () => {
  it(
    'takes a new key over from its file while it serves, and re-wraps by itself',
    async () => {
      const dataDir = join(scratch, 'data');
      const composer = await startComposer({ dataDir });
      const command = commandLine({ COMPOSER_DATA_DIR: dataDir, LOG_FORMAT: 'json' });
      try {
        await register(composer, 'shop');
        const load = new SteadyLoad([{ url: composer.url, tool: 'shop_get_order', args: { orderId: '1' } }]);
        const { added: active } = await command.json('keys', 'rotate');
        const again = await command.run('keys', 'rotate');
        expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('--drop') });
        await composer.logged(
          new RegExp(`"key":"${active}","rewrapped":[1-9]\\d*,"left":0,.*keys were re-wrapped`),
          90_000,
        );
        await load.stop();
        expect(load.failures()).toEqual([]);
        const busy = await command.run('keys', 'status');
        expect(busy).toMatchObject({ code: 1, stderr: expect.stringMatching(/process \d+ has the embedded database/) });
        await composer.kill('SIGTERM');
        const { sealed } = await command.json('keys', 'status');
        const [old] = Object.keys(sealed).filter((id) => id !== active);
        expect(sealed).toEqual({ [active]: expect.any(Number), [old!]: 0 });
        await command.json('keys', 'rotate', '--drop', old!);
        const restarted = await startComposer({ dataDir });
        await calls(restarted, 'shop').finally(() => restarted.stop());
      } finally {
        await composer.stop();
        command.remove();
      }
    },
    LONG,
  );
});

describe('a composer whose key ring stands in its environment', () => {
  it(
    're-wraps by itself when it is restarted with a new first key, and needs the old one no more then',
    async () => {
      const database = await openTwoRoles();
      const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
      const command = (keys: string) => commandLine({ ...database.env, COMPOSER_KEYS: keys, LOG_FORMAT: 'json' });
      const start = (keys: string) => startComposer({ env: { ...database.env, COMPOSER_KEYS: keys } });
      try {
        const first = await start(k1);
        await register(first, 'shop').finally(() => first.stop());
        const second = await start(`${k2},${k1}`);
        await second.logged(/keys were re-wrapped/).finally(() => second.stop());
        const both = command(`${k2},${k1}`);
        expect((await both.json('keys', 'status')).sealed).toMatchObject({ k1: 0 });
        const { stdout } = await both.run('keys', 'rotate');
        expect(stdout).toMatch(/"k2" wraps everything already; to add a key, put .* in front of the key ring/);
        expect(await both.json('keys', 'rotate', '--drop', 'k1')).toMatchObject({ active: 'k2', removed: false });
        both.remove();
        const third = await start(k2);
        await calls(third, 'shop').finally(() => third.stop());
      } finally {
        await database.remove();
      }
    },
    LONG,
  );
});
