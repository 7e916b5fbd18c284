import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CloudantServer, cloudantEnvironment, openCloudantServer, until } from '#persistence/testing';
import { send } from '../fixtures/mcp-clients.js';
import { commandLines, hostedEnv, keyCommand } from '../fixtures/tenant-client.js';
import { type CommandLine, commandLine } from '../support/command-line.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

interface Event {
  readonly seq: number;
  readonly action: string;
  readonly target?: string;
}

describe('tenants, keys and the trail with everything in Cloudant', () => {
  let server: CloudantServer;
  let database: string;
  let env: Record<string, string>;
  let commands: CommandLine;
  let composer: ComposerProcess;
  const keys: Record<'acme' | 'globex' | 'operator', string> = { acme: '', globex: '', operator: '' };
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    server = await openCloudantServer();
    const config = server.database();
    ({ database } = config);
    env = hostedEnv(cloudantEnvironment(config));
    commands = commandLine(env);
    const [acme, globex, ...made] = await commandLines(env, [
      ...['acme', 'globex'].map((tenant) => ['tenant', 'create', tenant]),
      keyCommand('acme', 'admin'),
      keyCommand('globex', 'admin'),
      keyCommand('default', 'operator'),
    ]);
    Object.assign(ids, { acme: acme.id, globex: globex.id });
    [keys.acme = '', keys.globex = '', keys.operator = ''] = made.map(({ key }) => key as string);
    composer = await startComposer({ env });
  }, 180_000);
  afterAll(async () => {
    await composer?.stop();
    commands?.remove();
    await server?.close();
  });

  const ask = async (key: string, route: string, body?: object) => {
    const [method, path] = route.split(' ') as [string, string];
    const { status, json } = await send(composer.url, {
      method,
      path: `/api/v1/${path}`,
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status, body: json };
  };
  const api = (as: keyof typeof keys, route: string, body?: object) => ask(keys[as], route, body);
  const trail = async (as: keyof typeof keys): Promise<readonly Event[]> =>
    (await api(as, 'GET audit?order=oldest')).body.items as Event[];
  const role = { permissions: { tools: ['shop_*'] } };

  it('refuses a slug that is taken, and lists what there is', async () => {
    const again = await commands.run('tenant', 'create', 'acme', '--json');
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stdout).error.code).toBe('COMPOSER_TENANT_EXISTS');
    const { tenants } = await commands.json('tenant', 'list');
    expect((tenants as { tenant: string }[]).map(({ tenant }) => tenant)).toEqual(['acme', 'default', 'globex']);
  });

  it('lets in with a key, and shows one tenant nothing of another', async () => {
    expect(await api('acme', 'PUT roles/sales', role)).toMatchObject({ status: 200 });
    const roles = async (as: 'acme' | 'globex') =>
      ((await api(as, 'GET roles')).body.items as { name: string; built_in: boolean }[])
        .filter((one) => !one.built_in)
        .map(({ name }) => name);
    expect(await roles('acme')).toEqual(['sales']);
    expect(await roles('globex')).toEqual([]);
    const principals = async (as: 'acme' | 'globex') =>
      ((await api(as, 'GET principals')).body.items as { id: string }[]).map(({ id }) => id);
    expect(await principals('acme')).toHaveLength(1);
    expect(await principals('globex')).toHaveLength(1);
    const [foreign] = ((await api('globex', 'GET api-keys')).body.items as { id: string }[]).map(({ id }) => id);
    const missing = await api('acme', `DELETE api-keys/${foreign}`);
    expect(missing.status).toBe(404);
    expect((await trail('globex')).some(({ target }) => target === 'role:sales')).toBe(false);
    expect((await api('acme', 'GET tenants')).status).toBe(403);
    expect((await api('operator', 'GET tenants')).status).toBe(200);
  });

  it('lets nobody in with a key that was revoked', async () => {
    const made = await commands.json('key', 'create', '--tenant', 'acme', '--role', 'admin', '--name', 'leaver');
    const asked = () => ask(made.key as string, 'GET roles');
    expect((await asked()).status).toBe(200);
    await commands.json('key', 'revoke', made.id as string);
    await until(async () => (await asked()).status === 401, 'the refusal of a revoked key', 2_500);
    expect((await trail('acme')).map(({ action }) => action)).toContain('api_key.revoked');
  });

  it('takes roles and principals from the command line, and tells what there is', async () => {
    const tenant = ['--tenant', 'acme'];
    await commands.json('role', 'set', 'support', ...tenant, '--tools', 'desk_*', '--servers', 'desk');
    const listed = async () => (await commands.json('role', 'list', ...tenant)).roles as { role: string }[];
    expect(await listed()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ permissions: { tools: ['desk_*'], servers: ['desk'], virtual_servers: [] } }),
      ]),
    );
    expect((await api('acme', 'GET roles/support')).status).toBe(200);
    await commands.json('role', 'delete', 'support', ...tenant);
    expect((await api('acme', 'GET roles/support')).status).toBe(404);
    const bot = await commands.json('key', 'create', ...tenant, '--role', 'admin', '--name', 'bot');
    const asked = async () => (await ask(bot.key as string, 'GET roles')).status;
    expect(await asked()).toBe(200);
    await commands.json('principal', 'disable', bot.principal as string, ...tenant);
    const { principals } = await commands.json('principal', 'list', ...tenant);
    expect(principals).toContainEqual(expect.objectContaining({ id: bot.principal, name: 'bot', disabled: true }));
    await until(async () => (await asked()) === 401, 'the refusal of a disabled principal', 2_500);
  }, 180_000);

  it('stops at once, on every process, what the command line revokes', async () => {
    const key = ['key', 'create', '--tenant', 'acme', '--role', 'admin', '--name', 'intruder'] as const;
    const { principal, key: secret } = await commands.json(...key);
    const asked = async () => (await ask(secret as string, 'GET roles')).status;
    expect(await asked()).toBe(200);
    const report = await commands.json('revoke', '--principal', principal as string, '--tenant', 'acme');
    expect(report).toMatchObject({ confirmed: true });
    expect(await asked()).toBe(401);
    expect((await api('acme', 'GET roles')).status).toBe(200);
    expect((await trail('acme')).map(({ action }) => action)).toEqual(
      expect.arrayContaining(['principal.disabled', 'kill_switch.used']),
    );
  }, 180_000);

  /** Kills the composer while it makes a role, when what it asks the database for matches, and starts it again. */
  const killedAt = async (name: string, path: RegExp): Promise<void> => {
    const seen = () => server.front.requests.length;
    const before = seen();
    let reached = false;
    const stop = server.front.faults.inject({ fault: { kind: 'hang' }, method: 'PUT', path });
    const asked = api('acme', `PUT roles/${name}`, role).catch(() => undefined);
    await until(
      () =>
        (reached ||= server.front.requests.slice(before).some((one) => one.method === 'PUT' && path.test(one.path))),
      name,
    );
    await composer.kill('SIGKILL');
    await asked;
    stop();
    composer = await startComposer({ env });
  };

  it('has the event once, and what it tells of, when it is killed before or after the event is in the trail', async () => {
    const kills = [
      ['early', new RegExp(`/${ids['acme']}:audit/`)],
      ['late', new RegExp(`/${ids['acme']}:audit-head/`)],
    ] as const;
    const statusOf = async (name: string) => (await api('acme', `GET roles/${name}`)).status;
    for (const [name, path] of kills) {
      await killedAt(name, path);
      expect(await statusOf(name)).toBe(404);
    }
    for (const [name] of kills) {
      await until(async () => (await statusOf(name)) === 200, `the change that was left: ${name}`, 90_000);
      const events = (await trail('acme')).filter(({ target }) => target === `role:${name}`);
      expect(events.map(({ action }) => action)).toEqual(['role.created']);
    }
    expect((await api('acme', 'GET audit/verification')).body).toMatchObject({ intact: true });
    const left = (await server.raw(database)).map(({ _id }) => _id).filter((id) => id.startsWith('operator:outbox/'));
    expect(left).toEqual([]);
  }, 240_000);

  it('finds the event that somebody altered in the database', async () => {
    expect(await commands.run('audit', 'verify', '--tenant', 'acme')).toMatchObject({ code: 0 });
    const document = (await server.raw(database)).find(({ _id }) => _id === `${ids['acme']}:audit/000000000000002`)!;
    const { _rev: rev, ...rest } = document;
    const text = JSON.stringify(rest).replace('cli', 'foo');
    const [generation] = rev.split('-');
    await server.plant(database, {
      ...(JSON.parse(text) as typeof document),
      _rev: `${Number(generation) + 1}-${'f'.repeat(32)}`,
      _revisions: { start: Number(generation) + 1, ids: ['f'.repeat(32), rev.split('-')[1]] },
    });
    const verified = await commands.run('audit', 'verify', '--tenant', 'acme');
    expect(verified).toMatchObject({ code: 1, stdout: expect.stringMatching(/^acme: event 2: /) });
    expect(await commands.run('audit', 'verify', '--tenant', 'globex')).toMatchObject({ code: 0 });
  });

  it('removes a tenant with everything of it, and lets its slug go', async () => {
    expect(await commands.run('tenant', 'delete', 'acme', '--yes', '--json')).toMatchObject({ code: 0 });
    const left = (await server.raw(database)).filter(({ _id }) => _id.startsWith(`${ids['acme']}:`));
    expect(left).toEqual([]);
    expect((await commands.json('tenant', 'create', 'acme')).id).not.toBe(ids['acme']);
    const trailOfDefault = (await trail('operator')).filter(({ target }) => target === 'tenant:acme');
    expect(trailOfDefault.map(({ action }) => action)).toEqual([
      'tenant.created',
      'tenant.updated',
      'tenant.deleted',
      'tenant.created',
    ]);
    await until(async () => (await api('acme', 'GET roles')).status === 401, 'the end of the keys', 5_000);
    expect((await api('globex', 'GET roles')).status).toBe(200);
  });
});
