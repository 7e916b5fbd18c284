import 'reflect-metadata';
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setEnvironment } from '#config';
import { type ComposerError, serverId, tenantId } from '#kernel';
import { ServerConfigFile } from '#registry';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type OpenPool, openPool } from '../../testing/open-pool.js';

const acme = tenantId('acme');
const crm = { tenantId: acme, serverId: serverId('crm') };
const by = SYSTEM;

describe('a process that the operator does not allow', () => {
  let folder: string;
  let opened: OpenPool;
  /** Leaves its mark if it is ever started. */
  let program: string;
  const wasStarted = () => existsSync(join(folder, 'mark'));

  beforeEach(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'mcpc-refusals-')));
    program = join(folder, 'program');
    writeFileSync(program, `#!/bin/sh\n: > ${join(folder, 'mark')}\n`);
    chmodSync(program, 0o755);
    setEnvironment({});
    opened = await openPool({ speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    setEnvironment(undefined);
    rmSync(folder, { recursive: true });
  });

  const config = (more: object = {}) => ({ id: 'crm', type: 'stdio', command: program, timeout: 2, ...more });
  const http = { id: 'crm', type: 'http', endpoint: 'http://127.0.0.1:1/mcp' };
  const register = (more?: object) => opened.registry.register(acme, config(more), { by });
  const allow = (...commands: string[]) => setEnvironment({ STDIO_ALLOWLIST: commands.join(', ') });
  const reasonOf = (work: Promise<unknown>): Promise<ComposerError> =>
    work.then(
      () => {
        throw new Error('it was not refused');
      },
      (error: ComposerError) => error,
    );
  const OFF = { code: 'COMPOSER_STDIO_REFUSED', status: 422, message: expect.stringContaining('STDIO_ALLOWLIST') };

  describe('because there is no list', () => {
    it.each([
      ['a registration', () => register()],
      ['a registration of a server that rests', () => register({ status: 'deactivated' })],
      [
        'a change',
        async () => {
          await opened.registry.register(acme, http, { by });
          return opened.registry.update(crm, config(), { by, mode: 'replace' });
        },
      ],
      [
        'a former version that is restored',
        async () => {
          allow(program);
          await register();
          await opened.registry.update(crm, http, { by, mode: 'replace' });
          rmSync(join(folder, 'mark'), { force: true });
          setEnvironment({});
          return opened.registry.restore(crm, 1, SYSTEM);
        },
      ],
      [
        'a server that is activated',
        async () => {
          allow(program);
          await register({ status: 'deactivated' });
          setEnvironment({});
          return opened.registry.setStatus(crm, 'active', SYSTEM);
        },
      ],
    ])('is refused: %s', async (_, work) => {
      expect(await reasonOf(work())).toMatchObject(OFF);
      expect(wasStarted()).toBe(false);
    });

    it('refuses the start with a file of servers that names it', async () => {
      const configFile = join(folder, 'servers.json');
      writeFileSync(configFile, JSON.stringify([config()]));
      const file = new ServerConfigFile(opened.registry, opened.home.log, { configFile });
      expect(await reasonOf(file.apply(acme))).toMatchObject({
        code: 'COMPOSER_CONFIG_FILE_INVALID',
        faults: [{ path: 'crm.command' }],
      });
      expect(wasStarted()).toBe(false);
    });

    it('is not started after a restart, says why, and can be deactivated and deleted', async () => {
      allow(program);
      await register();
      rmSync(join(folder, 'mark'), { force: true });
      setEnvironment({});
      const next = opened.again();
      await next.pool.load(acme);
      expect(next.pool.find(crm)).toMatchObject({ outcome: 'error', problem: OFF.message, member: undefined });
      await next.registry.setStatus(crm, 'deactivated', SYSTEM);
      await next.registry.remove(crm, SYSTEM);
      await next.close();
      expect(wasStarted()).toBe(false);
    });

    it('is not started by a member that has been built before', async () => {
      allow(program);
      await register({ health_check: { enabled: false } });
      rmSync(join(folder, 'mark'), { force: true });
      setEnvironment({});
      await opened.pool.check(opened.pool.find(crm)!);
      expect(opened.pool.find(crm)!.problem).toEqual(OFF.message);
      expect(wasStarted()).toBe(false);
    });
  });

  it.each<[string, () => string]>([
    ['is not listed', () => program],
    ['is not there', () => join(folder, 'nothing')],
    ['is a folder above a listed one', () => folder],
    ['is a link to what is not listed', () => linkTo(program)],
    ['only begins like a listed one', () => `${process.execPath}x`],
  ])('is refused, and not told apart, if its command %s', async (_, command) => {
    allow(process.execPath);
    const reason = await reasonOf(register({ command: command() }));
    expect(reason.message).toBe(
      'no process is started: command is none of the commands that this composer may start: its operator lists them in STDIO_ALLOWLIST',
    );
    expect(wasStarted()).toBe(false);
  });

  it.each(['program', './program', 'sh', ''])(
    'is refused if its command is no absolute path: "%s"',
    async (command) => {
      allow(program);
      expect((await reasonOf(register({ command }))).faults).toMatchObject([{ path: 'command' }]);
      expect(wasStarted()).toBe(false);
    },
  );

  it.each<[string, object, string]>([
    ['a credential', { auth_strategy: 'bearer', auth: { token: 'x' } }, 'auth_strategy'],
    ['headers', { headers: { 'x-a': 'b' } }, 'headers'],
    ['headers of callers', { forward_headers: ['x-a'] }, 'forward_headers'],
    ['credentials of tools', { tool_auth: { a: { auth_strategy: 'none', auth: {} } } }, 'tool_auth'],
    ['a variable that loads code', { env: { LD_PRELOAD: '/tmp/x.so' } }, 'env.LD_PRELOAD'],
    ['options of the interpreter', { env: { NODE_OPTIONS: '--require x' } }, 'env.NODE_OPTIONS'],
    ['a name that is none', { env: { 'A=B': 'x' } }, 'env.A=B'],
    ['an argument that ends in the middle', { args: ['a\0b'] }, 'args.0'],
    ['a folder that is none', { cwd: '/dev/null' }, 'cwd'],
    ['a folder from somewhere', { cwd: 'tmp' }, 'cwd'],
  ])('is refused with %s', async (_, more, path) => {
    allow(program);
    expect((await reasonOf(register(more))).faults.map((fault) => fault.path)).toEqual([path]);
    expect(wasStarted()).toBe(false);
  });

  it('is allowed by a link that leads to an entry, and by an entry that is a link', async () => {
    allow(linkTo(program));
    await register({ command: linkTo(program) });
    expect(wasStarted()).toBe(true);
  });

  it('keeps what it is given to itself, and gives it to no other program', async () => {
    allow(program, process.execPath);
    const { server } = await register({ env: { TOKEN: 'tiger', URL: 'here' }, health_check: { enabled: false } });
    expect(server.config['env']).toEqual({ TOKEN: { set: true }, URL: { set: true } });
    const kept = await opened.registry.update(crm, { env: { TOKEN: { set: true } }, timeout: 3 }, { by });
    expect(kept.problem).not.toMatch(/must be entered again/);
    for (const change of [{ command: process.execPath }, { args: ['-e', 'tell'] }, { env: { URL: 'elsewhere' } }]) {
      rmSync(join(folder, 'mark'), { force: true });
      await opened.registry.update(crm, config({ env: { TOKEN: 'tiger', URL: 'here' } }), { by, mode: 'replace' });
      rmSync(join(folder, 'mark'), { force: true });
      const { problem } = await opened.registry.update(crm, change, { by });
      expect(problem).toMatch(/env.TOKEN.* must be entered again/);
      expect(wasStarted()).toBe(false);
    }
  });

  function linkTo(target: string): string {
    const link = join(folder, `link-${Math.random()}`);
    symlinkSync(target, link);
    return link;
  }
});
