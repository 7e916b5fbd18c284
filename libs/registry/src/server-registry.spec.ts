import 'reflect-metadata';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { openAuthAdapter } from '#auth/testing';
import { ComposerError, type MemberRef, memberKey, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { openMemorySealer } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { RecordingGate } from '../testing/recording-gate.js';
import { MemoryServerConfigStore } from './memory/memory.server-config.store.js';
import { SealedConfig } from './sealed-config.js';
import { ServerRegistry } from './server-registry.js';

const BY = { by: SYSTEM };
const acme = tenantId('acme');
const ref = (id: string): MemberRef => ({ tenantId: acme, serverId: serverId(id) });
const http = {
  id: 'crm',
  type: 'http',
  endpoint: 'https://crm.example/mcp',
  auth_strategy: 'bearer',
  auth: { token: 'first-token' },
};

describe('ServerRegistry', () => {
  let registry: ServerRegistry;
  let store: MemoryServerConfigStore;
  let gate: RecordingGate;
  let secrets: SecretValues;
  let lines: string[];

  beforeEach(async () => {
    const auth = await openAuthAdapter();
    secrets = new SecretValues();
    lines = [];
    const log = Log.open({ level: 'trace', format: 'json' }, secrets, (line) => lines.push(line));
    store = new MemoryServerConfigStore();
    registry = new ServerRegistry(store, new SealedConfig(await openMemorySealer(), auth, secrets), auth, log);
    gate = new RecordingGate();
    registry.useGate(gate);
  });

  const served = (id: string) => gate.serving.get(memberKey(ref(id)))?.config as Record<string, unknown> | undefined;

  it('shows a registered server with its secrets as markers, and stores them sealed', async () => {
    await registry.register(acme, { ...http, headers: { 'X-Team': 'header-secret' } }, BY);
    const { config } = await registry.get(ref('crm'));
    expect(config).toMatchObject({
      auth: { token: { set: true } },
      headers: { 'X-Team': { set: true } },
      status: 'active',
      timeout: 60,
    });
    expect(JSON.stringify([await store.list(acme), await registry.list(acme), lines])).not.toMatch(
      /first-token|header-secret/,
    );
    expect(served('crm')).toMatchObject({ auth: { token: 'first-token' }, headers: { 'X-Team': 'header-secret' } });
  });

  it('opens what it has stored', async () => {
    await registry.register(acme, http, BY);
    expect(await registry.openAll(acme)).toMatchObject([
      { ref: ref('crm'), config: { auth: { token: 'first-token' } } },
    ]);
  });

  it('names every fault by its path at once, and changes nothing', async () => {
    const bad = {
      id: '-x',
      type: 'http',
      endpoint: 'ftp://x',
      timeout: 0,
      colour: 1,
      auth_strategy: 'basic',
      auth: { user: 'u' },
    };
    await expect(registry.register(acme, bad, BY)).rejects.toMatchObject({
      code: 'COMPOSER_SERVER_CONFIG_INVALID',
      status: 422,
    });
    const error = await registry.register(acme, bad, BY).catch((reason: ComposerError) => reason);
    const paths = (error as ComposerError).faults.map(({ path }) => path).sort();
    expect(paths).toEqual(['auth.password', 'auth.user', 'auth.username', 'colour', 'endpoint', 'id', 'timeout']);
    expect(await registry.list(acme)).toEqual([]);
    expect(gate.serving.size).toBe(0);
  });

  it.each([
    ['no object', [1], ''],
    ['an unknown type', { ...http, type: 'smtp' }, 'type'],
    ['an unknown strategy', { ...http, auth_strategy: 'kerberos' }, 'auth_strategy'],
    ['settings without a strategy', { ...http, auth_strategy: undefined }, 'auth_strategy'],
    ['a marker without a stored secret', { ...http, auth: { token: { set: true } } }, 'auth.token'],
    ['credentials in an address', { ...http, endpoint: 'https://u:p@crm.example/mcp' }, 'endpoint'],
    [
      'a file, from somebody who is no operator',
      { id: 'a', type: 'openapi', open_api: { endpoint: 'https://a.example', spec_filepath: '/etc/passwd' } },
      'open_api.spec_filepath',
    ],
    [
      'two specifications',
      {
        id: 'a',
        type: 'openapi',
        open_api: { endpoint: 'https://a.example', spec_url: 'https://a.example/s', spec: {} },
      },
      'open_api',
    ],
    ['the composer itself', { id: 'me', type: 'http', endpoint: 'http://localhost:9000/mcp' }, 'endpoint'],
    ['a forwarded credential', { ...http, forward_headers: ['Authorization'] }, 'forward_headers.0'],
    [
      'a bad credential of one tool',
      { ...http, tool_auth: { t: { auth_strategy: 'bearer', auth: {} } } },
      'tool_auth.t.auth.token',
    ],
  ])('refuses %s', async (_, config, path) => {
    const error = await registry.register(acme, config, BY).catch((reason: ComposerError) => reason);
    expect((error as ComposerError).faults?.map((fault) => fault.path)).toContain(path);
    expect(await registry.list(acme)).toEqual([]);
  });

  it('asks about the addresses before it looks at anything else', async () => {
    gate.denied = ['http://10.0.0.1/token'];
    const config = { ...http, auth_strategy: 'unheard_of', auth: { token_url: 'http://10.0.0.1/token' } };
    await expect(registry.register(acme, config, BY)).rejects.toMatchObject({ code: 'COMPOSER_EGRESS_DENIED' });
  });

  it('has no more addresses judged than a configuration may name', async () => {
    const auth = { token_url: 'https://login.example' };
    const tools = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`t${n}`, { auth }]));
    const refusal = (count: number) => registry.register(acme, { ...http, tool_auth: tools(count) }, BY);
    await expect(refusal(64)).rejects.toThrow('names more than 64 addresses');
    await expect(refusal(63)).rejects.toThrow('auth_strategy is missing');
  });

  it('reads the spellings of the original, and says so', async () => {
    const { warnings, server } = await registry.register(
      acme,
      {
        _id: 'shop',
        id: 'shop',
        name: 'Shop',
        type: 'proxy',
        endpoint: 'https://shop.example/mcp',
        version_id: 'x',
        auth: { type: 'apikey', api_key: 'k-123456' },
      },
      BY,
    );
    expect(server.config).toMatchObject({
      type: 'client',
      label: 'Shop',
      auth_strategy: 'apikey',
      auth: { apikey: { set: true } },
    });
    expect(warnings).toHaveLength(5);
  });

  it('stores a member that is away, and says why it does not work', async () => {
    gate.problem = 'it does not answer';
    const change = await registry.register(acme, http, BY);
    expect(change.problem).toBe('it does not answer');
    expect(served('crm')).toBeDefined();
  });

  it('does not replace a member that works by one that does not', async () => {
    await registry.register(acme, http, BY);
    gate.problem = 'it does not answer';
    await expect(registry.update(ref('crm'), { timeout: 9 }, BY)).rejects.toMatchObject({
      code: 'COMPOSER_MEMBER_PROBE_FAILED',
    });
    expect(served('crm')).toMatchObject({ timeout: 60 });
    expect((await registry.get(ref('crm'))).version).toBe(1);
    expect(gate.discarded).toHaveLength(1);
  });

  it('releases what was built when the configuration cannot be stored', async () => {
    store.insert = async () => Promise.reject(new Error('the store is away'));
    await expect(registry.register(acme, http, BY)).rejects.toThrow('the store is away');
    expect(gate.discarded).toHaveLength(1);
    expect(gate.serving.size).toBe(0);
  });

  it('builds nothing for an id that is taken', async () => {
    await registry.register(acme, http, BY);
    await expect(registry.register(acme, http, BY)).rejects.toMatchObject({
      code: 'COMPOSER_SERVER_EXISTS',
      status: 409,
    });
    expect(gate.admitted).toHaveLength(1);
  });

  it('names a marker that keeps nothing beside every other fault, once', async () => {
    const marked = { ...http, timeout: 0, auth: { token: { set: true } } };
    const error = (await registry.register(acme, marked, BY).catch((reason: ComposerError) => reason)) as ComposerError;
    expect(error.faults.map(({ path }) => path).sort()).toEqual(['auth.token', 'timeout']);
  });

  it('keeps the settings when a patch names the same strategy by another of its names', async () => {
    const auth = { token: 'first-token', auth_prefix: 'T' };
    await registry.register(acme, { ...http, auth_strategy: 'apitoken', auth }, BY);
    await registry.update(ref('crm'), { auth_strategy: 'apiToken' }, BY);
    expect(served('crm')).toMatchObject({ auth_strategy: 'apitoken', auth });
  });

  describe('hides secrets', () => {
    const echo = 'it said: Bearer first-token is wrong';
    const hidden = 'it said: Bearer [secret] is wrong';
    const update = { auth: { token: 'other-token' } };

    it('in why a new member does not work', async () => {
      gate.problem = echo;
      expect((await registry.register(acme, http, BY)).problem).toBe(hidden);
    });

    it('in why a member is not replaced', async () => {
      await registry.register(acme, http, BY);
      gate.problem = echo.replace('first', 'other');
      await expect(registry.update(ref('crm'), update, BY)).rejects.toThrow(hidden);
      expect(secrets.mask('first-token other-token')).toBe('[secret] other-token');
    });

    it('in the error of a member that cannot be built, with its causes and faults', async () => {
      gate.fault = new ComposerError('COMPOSER_X', echo, {
        faults: [{ path: 'auth', message: echo }],
        cause: new Error(echo),
      });
      const error = (await registry.register(acme, http, BY).catch((reason: unknown) => reason)) as ComposerError;
      expect(error).toBe(gate.fault);
      expect([error.message, error.faults[0]?.message, (error.cause as Error).message]).toEqual(Array(3).fill(hidden));
      expect(error.stack).not.toContain('first-token');
      expect(secrets.mask('first-token')).toBe('first-token');
    });

    it('while a server has them, and not any longer', async () => {
      await registry.register(acme, http, BY);
      await registry.register(acme, { ...http, id: 'twin' }, BY);
      await registry.update(ref('crm'), update, BY);
      await registry.openAll(acme);
      expect(secrets.mask('first-token other-token')).toBe('[secret] [secret]');
      await registry.remove(ref('twin'), SYSTEM);
      expect(secrets.mask('first-token other-token')).toBe('first-token [secret]');
      await registry.restore(ref('crm'), 1, SYSTEM);
      expect(secrets.mask('first-token other-token')).toBe('[secret] other-token');
      await registry.remove(ref('crm'), SYSTEM);
      expect(secrets.mask('first-token other-token')).toBe('first-token other-token');
    });
  });

  it('merges a patch, keeps the secrets that it does not mention, and removes what is null', async () => {
    await registry.register(acme, { ...http, headers: { 'X-Team': 'header-secret', 'X-Old': 'old' } }, BY);
    await registry.update(ref('crm'), { label: 'CRM', headers: { 'X-Old': null }, auth: { token: { set: true } } }, BY);
    expect(served('crm')).toMatchObject({
      label: 'CRM',
      auth: { token: 'first-token' },
      headers: { 'X-Team': 'header-secret' },
    });
    expect(served('crm')?.['headers']).not.toHaveProperty('X-Old');
    expect((await registry.get(ref('crm'))).version).toBe(2);
  });

  it('takes a new secret, and a new strategy without settings of the old one', async () => {
    await registry.register(acme, http, BY);
    await registry.update(ref('crm'), { auth: { token: 'second-token' } }, BY);
    expect(served('crm')).toMatchObject({ auth: { token: 'second-token' } });
    await registry.update(
      ref('crm'),
      { auth_strategy: 'basic', auth: { username: 'u', password: 'third-secret' } },
      BY,
    );
    expect(served('crm')).toMatchObject({ auth_strategy: 'basic', auth: { username: 'u', password: 'third-secret' } });
  });

  it('replaces the whole configuration when asked to', async () => {
    await registry.register(acme, { ...http, label: 'CRM', timeout: 9 }, BY);
    await registry.update(ref('crm'), { ...http, auth: { token: { set: true } } }, { ...BY, mode: 'replace' });
    expect(served('crm')).toMatchObject({ label: '', timeout: 60, auth: { token: 'first-token' } });
  });

  it.each([
    ['another origin', { endpoint: 'https://evil.example/mcp' }],
    ['another port', { endpoint: 'https://crm.example:8443/mcp' }],
    ['another prefix', { auth: { auth_prefix: 'X' } }],
    ['another strategy', { auth_strategy: 'apitoken', auth: { token: { set: true }, auth_prefix: 'T' } }],
  ])('does not carry a stored secret to %s', async (_, patch) => {
    await registry.register(acme, http, BY);
    const tried = gate.admitted.length;
    const change = await registry.update(ref('crm'), patch, BY);
    expect(change.problem).toMatch(/^auth\.token must be entered again/);
    expect(change.server).toMatchObject({ needsReentry: ['auth.token'], config: { auth: { token: { set: false } } } });
    expect([gate.admitted.length, served('crm')]).toEqual([tried, undefined]);
    const opened = await registry.openAll(acme);
    expect(opened).toMatchObject([{ isLacking: true, problem: expect.stringContaining('auth.token') }]);
    await registry.update(
      ref('crm'),
      {
        ...patch,
        auth: { ...(patch as { auth?: object }).auth, token: 'entered-again' },
      },
      BY,
    );
    expect(served('crm')).toMatchObject({ auth: { token: 'entered-again' } });
  });

  it('keeps nothing of a void secret, and does not call the server while it waits for it', async () => {
    await registry.register(acme, { ...http, headers: { 'X-Team': 'header-secret' } }, BY);
    await registry.update(ref('crm'), { endpoint: 'https://evil.example/mcp' }, BY);
    const [stored] = await store.list(acme);
    expect(stored?.secrets).toEqual({});
    const admitted = gate.admitted.length;
    for (const patch of [{ label: 'CRM' }, { status: 'deactivated' }, { auth: { token: 'entered-again' } }]) {
      await registry.update(ref('crm'), patch, BY);
    }
    await registry.setStatus(ref('crm'), 'active', BY.by);
    await registry.update(ref('crm'), { endpoint: http.endpoint }, BY);
    expect([gate.admitted.length, served('crm')]).toEqual([admitted, undefined]);
    expect((await registry.get(ref('crm'))).needsReentry).toEqual(['headers.X-Team', 'auth.token']);
    await registry.update(ref('crm'), { headers: { 'X-Team': 'other' }, auth: { token: 'entered-again' } }, BY);
    expect(served('crm')).toMatchObject({ endpoint: http.endpoint, auth: { token: 'entered-again' } });
  });

  it('lets nobody say that a secret is void, or keep one that is', async () => {
    const gap = { auth: { token: { set: false } } };
    const fault = { faults: [{ path: 'auth.token', message: expect.stringContaining('enter it') }] };
    await expect(registry.register(acme, { ...http, ...gap }, BY)).rejects.toMatchObject(fault);
    await registry.register(acme, http, BY);
    await expect(registry.update(ref('crm'), gap, BY)).rejects.toMatchObject(fault);
    await registry.update(ref('crm'), { endpoint: 'https://evil.example/mcp' }, BY);
    await expect(registry.update(ref('crm'), { auth: { token: { set: true } } }, BY)).rejects.toMatchObject(fault);
    await registry.update(ref('crm'), { ...http, ...gap, label: 'sent back' }, { ...BY, mode: 'replace' });
    expect((await registry.get(ref('crm'))).needsReentry).toEqual(['auth.token']);
  });

  it('keeps a secret when the name changes that goes with it', async () => {
    const auth = { username: 'first', password: 'a-password' };
    await registry.register(acme, { ...http, auth_strategy: 'basic', auth }, BY);
    await registry.update(ref('crm'), { auth: { username: 'second' } }, BY);
    expect(served('crm')).toMatchObject({ auth: { username: 'second', password: 'a-password' } });
  });

  it('keeps a stored secret when only the path of the address changes', async () => {
    await registry.register(acme, http, BY);
    await registry.update(ref('crm'), { endpoint: 'https://crm.example/v2/mcp' }, BY);
    expect(served('crm')).toMatchObject({ auth: { token: 'first-token' }, endpoint: 'https://crm.example/v2/mcp' });
  });

  it('restores a former version with the secrets that it had', async () => {
    await registry.register(acme, http, BY);
    await registry.update(ref('crm'), { timeout: 9, auth: { token: 'second-token' } }, BY);
    await registry.restore(ref('crm'), 1, SYSTEM);
    expect(served('crm')).toMatchObject({ timeout: 60, auth: { token: 'first-token' } });
    expect((await registry.history(ref('crm'))).map(({ version }) => version)).toEqual([3, 2, 1]);
    expect(JSON.stringify(await registry.history(ref('crm')))).not.toMatch(/first-token|second-token/);
    await expect(registry.restore(ref('crm'), 7, SYSTEM)).rejects.toMatchObject({
      code: 'COMPOSER_SERVER_VERSION_UNKNOWN',
    });
  });

  it('stops and starts a member', async () => {
    await registry.register(acme, http, BY);
    await registry.setStatus(ref('crm'), 'deactivated', SYSTEM);
    expect(served('crm')).toBeUndefined();
    expect((await registry.get(ref('crm'))).config).toMatchObject({ status: 'deactivated' });
    await registry.setStatus(ref('crm'), 'active', SYSTEM);
    expect(served('crm')).toMatchObject({ auth: { token: 'first-token' } });
  });

  it('forgets a deleted server', async () => {
    await registry.register(acme, http, BY);
    await registry.remove(ref('crm'), SYSTEM);
    expect(served('crm')).toBeUndefined();
    await expect(registry.get(ref('crm'))).rejects.toMatchObject({ code: 'COMPOSER_SERVER_UNKNOWN', status: 404 });
  });

  it('answers an unknown id and an id of another tenant with the same error, and touches neither', async () => {
    await registry.register(acme, http, BY);
    const globex = { tenantId: tenantId('globex'), serverId: serverId('crm') };
    const nobody = { ...globex, serverId: serverId('nobody') };
    const tries = (member: MemberRef) => [
      () => registry.get(member),
      () => registry.update(member, {}, BY),
      () => registry.setStatus(member, 'deactivated', SYSTEM),
      () => registry.remove(member, SYSTEM),
    ];
    for (const [index, attempt] of tries(globex).entries()) {
      const [foreign, unknown] = await Promise.all(
        [attempt, tries(nobody)[index]!].map((run) => run().catch((error: unknown) => error)),
      );
      expect(foreign).toBeInstanceOf(ComposerError);
      expect((foreign as ComposerError).message).toBe((unknown as ComposerError).message);
    }
    expect(served('crm')).toMatchObject({ auth: { token: 'first-token' } });
  });

  it('makes concurrent changes of one server one after the other', async () => {
    await registry.register(acme, http, BY);
    await Promise.all([1, 2, 3, 4, 5].map((seconds) => registry.update(ref('crm'), { timeout: seconds }, BY)));
    expect((await registry.get(ref('crm'))).version).toBe(6);
    expect(served('crm')).toMatchObject({ timeout: 5 });
  });

  describe('tells the trail', () => {
    const ada = { kind: 'principal', id: 'ada', credential: 'k1' } as const;
    const events = () => store.recorded.map(({ event }) => event);

    it('who has done what, how it was and how it is, with markers for secrets', async () => {
      await registry.register(acme, http, { by: ada });
      await registry.update(ref('crm'), { timeout: 9 }, { by: ada });
      await registry.setStatus(ref('crm'), 'deactivated', ada);
      await registry.setStatus(ref('crm'), 'active', ada);
      await registry.restore(ref('crm'), 1, ada);
      await registry.remove(ref('crm'), ada);
      expect(events().map(({ action, detail }) => [action, detail])).toEqual([
        ['server.registered', { version: 1 }],
        ['server.updated', { version: 2 }],
        ['server.deactivated', { version: 3 }],
        ['server.activated', { version: 4 }],
        ['server.restored', { version: 5, restored: 1 }],
        ['server.deleted', { version: 5 }],
      ]);
      expect(events().map(({ actor, target }) => [actor, target])).toEqual(Array(6).fill([ada, 'server:crm']));
      const [registered, updated, , , restored, deleted] = events();
      expect(registered).not.toHaveProperty('before');
      expect(registered!.after).toMatchObject({ id: 'crm', timeout: 60, auth: { token: { set: true } } });
      expect(updated).toMatchObject({ before: { timeout: 60 }, after: { timeout: 9 } });
      expect(restored).toMatchObject({ before: { timeout: 9 }, after: { timeout: 60 } });
      expect(deleted!.before).toMatchObject({ id: 'crm' });
      expect(deleted).not.toHaveProperty('after');
    });

    it('which secrets were changed, by their places and never by their values', async () => {
      await registry.register(acme, { ...http, headers: { 'X-Team': 'header-secret', 'X-Old': 'old-secret' } }, BY);
      await registry.update(ref('crm'), { label: 'CRM' }, BY);
      await registry.update(ref('crm'), { auth: { token: 'second-token' }, headers: { 'X-Old': null } }, BY);
      await registry.restore(ref('crm'), 1, SYSTEM);
      expect(events().map(({ detail }) => detail?.['secrets'])).toEqual([
        undefined,
        undefined,
        ['auth.token', 'headers.X-Old'],
        ['auth.token', 'headers.X-Old'],
      ]);
      expect(JSON.stringify(events())).not.toMatch(/first-token|second-token|header-secret|old-secret/);
    });

    it('the digest of an inline specification instead of its megabytes', async () => {
      const spec = { openapi: '3.1.0', info: { description: 'x'.repeat(100_000) } };
      await registry.register(
        acme,
        { id: 'api', type: 'openapi', open_api: { endpoint: 'https://api.example', spec } },
        BY,
      );
      const after = events()[0]!.after!;
      expect(after['open_api']).toMatchObject({
        endpoint: 'https://api.example',
        spec: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: JSON.stringify(spec).length },
      });
      expect((await registry.get(ref('api'))).config['open_api']).toMatchObject({ spec });
    });

    it('nothing of what was refused or failed', async () => {
      await registry.register(acme, http, BY);
      gate.problem = 'it does not answer';
      await registry.update(ref('crm'), { timeout: 9 }, BY).catch(() => undefined);
      gate.problem = undefined;
      await registry.update(ref('crm'), { timeout: 0 }, BY).catch(() => undefined);
      await registry.register(acme, http, BY).catch(() => undefined);
      await registry.remove(ref('nobody'), SYSTEM).catch(() => undefined);
      await registry.update(ref('crm'), { ...http, auth: {} }, { ...BY, mode: 'merge', unlessSame: true });
      expect(events()).toHaveLength(1);
    });
  });
});
