import { serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { ChangeFeed, ChangeListener } from '#persistence';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ServerRegistry } from '../server-registry.js';
import { MemoryVirtualServerStore } from './memory.virtual-server.store.js';
import { VirtualServerDirectory } from './virtual-server-directory.js';
import { VirtualServers } from './virtual-servers.js';

const [acme, globex] = [tenantId('acme'), tenantId('globex')];
const actor = { kind: 'principal', id: 'ann', credential: 'k1' } as const;
const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);

describe('VirtualServers', () => {
  let store: MemoryVirtualServerStore;
  let servers: VirtualServers;

  beforeEach(() => {
    store = new MemoryVirtualServerStore();
    const has = async ({ tenantId: tenant, serverId: id }: { tenantId: string; serverId: string }) =>
      tenant === acme && id === serverId('crm');
    servers = new VirtualServers(store, { has } as unknown as ServerRegistry, log);
  });

  const put = (slug: string, input: unknown, tenant = acme) => servers.put(tenant, slug, { input, actor });
  const patch = (slug: string, input: unknown, tenant = acme) => servers.patch(tenant, slug, { input, actor });
  const faultsOf = (change: Promise<unknown>) =>
    change.then(
      () => [],
      (error: { faults?: { path: string }[]; code: string }) => error.faults?.map(({ path }) => path) ?? error.code,
    );

  it('makes one, with what is absent as it was meant', async () => {
    const { stored, isNew } = await put('desk', { servers: ['crm'] });
    expect(isNew).toBe(true);
    expect(stored).toMatchObject({
      version: 1,
      server: { slug: 'desk', label: '', servers: ['crm'], naming: 'prefix' },
    });
    expect(Object.keys(stored.server).sort()).toEqual(['label', 'naming', 'servers', 'slug']);
  });

  it('records who changed what, before and after', async () => {
    await put('desk', { servers: ['crm'] });
    await patch('desk', { tools: ['crm_*'] });
    await servers.remove(acme, 'desk', actor);
    const crm = { slug: 'desk', label: '', servers: ['crm'], naming: 'prefix' };
    const target = 'virtual_server:desk';
    expect(store.events.map(({ event }) => event)).toEqual([
      { action: 'virtual_server.created', actor, target, after: crm },
      { action: 'virtual_server.updated', actor, target, before: crm, after: { ...crm, tools: ['crm_*'] } },
      { action: 'virtual_server.deleted', actor, target, before: { ...crm, tools: ['crm_*'] } },
    ]);
  });

  it('changes parts, and takes away what is null', async () => {
    await put('desk', { servers: ['crm'], tools: ['crm_*'], roles: ['support'], label: 'Desk' });
    const { stored } = await patch('desk', { tools: null, roles: null, label: 'New' });
    expect(stored.server).toEqual({ slug: 'desk', label: 'New', servers: ['crm'], naming: 'prefix' });
    expect(await faultsOf(patch('desk', { servers: null }))).toEqual(['servers']);
  });

  it('writes nothing where nothing changes', async () => {
    await put('desk', { servers: ['crm'] });
    expect(await put('desk', { label: '', servers: ['crm'], slug: 'desk' })).toMatchObject({ isNew: false });
    expect(await patch('desk', {})).toMatchObject({ stored: { version: 1 } });
    expect(store.events).toHaveLength(1);
  });

  it.each<[string, unknown, string[]]>([
    ['no servers', {}, ['servers']],
    ['an empty list', { servers: [] }, ['servers']],
    ['an empty pattern', { servers: [''] }, ['servers.0']],
    ['a pattern that is too long', { servers: ['*'.repeat(257)] }, ['servers.0']],
    ['too many patterns', { servers: Array.from({ length: 201 }, (_, i) => `s${i}`) }, ['servers']],
    ['a control character', { servers: ['a\u0007'] }, ['servers.0']],
    ['a name mode that is not there', { servers: ['a'], naming: 'plain' }, ['naming']],
    ['custom names without any', { servers: ['a'], naming: 'custom' }, ['names']],
    ['no custom names at all', { servers: ['a'], naming: 'custom', names: {} }, ['names']],
    ['names that no mode asks for', { servers: ['a'], naming: 'none', names: { a_b: 'b' } }, ['names']],
    ['a name that no model takes', { servers: ['a'], naming: 'custom', names: { a_b: 'b c' } }, ['names.a_b']],
    ['a name that is too long', { servers: ['a'], naming: 'custom', names: { a_b: 'b'.repeat(65) } }, ['names.a_b']],
    ['two stars', { servers: ['a'], naming: 'custom', names: { 'a_*_*': 'b' } }, ['names.a_*_*']],
    ['a star for nothing', { servers: ['a'], naming: 'custom', names: { a_b: '*' } }, ['names']],
    ['an unknown key', { servers: ['a'], tool: [] }, ['tool']],
    ['a role that no role can be', { servers: ['a'], roles: ['a b'] }, ['roles.0']],
    ['another slug', { servers: ['a'], slug: 'desk2' }, ['slug']],
    ['no object', 'desk', ['']],
    ['what no database keeps', { servers: ['a'], label: 'a\u0000' }, ['label']],
  ])('refuses %s, by its place', async (_, input, paths) => {
    expect(await faultsOf(put('desk', input))).toEqual(paths);
    expect(await store.list(acme)).toEqual([]);
  });

  it('keeps names of the tenant’s choice', async () => {
    const names = { 'crm_*': '*', erp_order: 'buy' };
    expect((await put('desk', { servers: ['*'], naming: 'custom', names })).stored.server.names).toEqual(names);
    expect(await faultsOf(patch('desk', { naming: 'none' }))).toEqual(['names']);
    expect((await patch('desk', { naming: 'none', names: null })).stored.server).toMatchObject({ naming: 'none' });
  });

  it('asks a gate before it stores, and changes nothing that the gate refuses', async () => {
    await put('desk', { servers: ['crm'] });
    const asked: string[] = [];
    servers.useGate({
      async faultsOf(tenant, { naming }) {
        asked.push(`${tenant} ${naming}`);
        return naming === 'none' ? [{ path: 'naming', message: 'would give "find" to two' }] : [];
      },
    });
    await expect(patch('desk', { naming: 'none' })).rejects.toMatchObject({
      status: 422,
      message: 'the virtual server is refused: naming would give "find" to two',
    });
    expect(await servers.get(acme, 'desk')).toMatchObject({ version: 1, server: { naming: 'prefix' } });
    expect(asked).toEqual(['acme none']);
  });

  it('refuses what nests without end before it walks it', async () => {
    await put('desk', { servers: ['a'] });
    const deep = JSON.parse(`${'{"label":'.repeat(5000)}1${'}'.repeat(5000)}`) as object;
    expect(await faultsOf(patch('desk', deep))).toEqual(['label']);
    expect(await faultsOf(put('desk', deep))).toEqual(['label']);
  });

  it.each(['', '-a', 'a b', 'a/b', '..', 'é', 'a'.repeat(65)])('takes no slug like %j', async (slug) => {
    expect(await faultsOf(put(slug, { servers: ['a'] }))).toEqual(['slug']);
    await expect(servers.get(acme, slug)).rejects.toMatchObject({ code: 'COMPOSER_VIRTUAL_SERVER_UNKNOWN' });
  });

  it('takes no slug that is the id of a server, and says when one came later', async () => {
    await expect(put('crm', { servers: ['*'] })).rejects.toMatchObject({
      code: 'COMPOSER_VIRTUAL_SERVER_SLUG_TAKEN',
      status: 409,
    });
    expect(await put('crm', { servers: ['*'] }, globex)).toMatchObject({ isNew: true });
    expect([await servers.hides(acme, 'crm'), await servers.hides(globex, 'crm')]).toEqual([true, false]);
  });

  it('keeps at most two hundred for a tenant, however they come', async () => {
    const puts = Array.from({ length: 90 }, (_, i) => put(`a${i}`, { servers: ['*'] }));
    await Promise.all(puts);
    for (let i = 0; i < 109; i++) await put(`b${i}`, { servers: ['*'] });
    const last = await Promise.allSettled([1, 2, 3].map((i) => put(`c${i}`, { servers: ['*'] })));
    expect(last.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await put('a1', { servers: ['x'] })).toMatchObject({ isNew: false });
    expect(await put('c1', { servers: ['*'] }, globex)).toMatchObject({ isNew: true });
  });

  it('answers for one of another tenant as for none', async () => {
    await put('desk', { servers: ['*'] });
    const errors = await Promise.all(
      ['desk', 'nothing'].flatMap((slug) =>
        [servers.get(globex, slug), patch(slug, {}, globex), servers.remove(globex, slug, actor)].map((attempt) =>
          attempt.catch((error: Error) => ({ ...error, message: error.message })),
        ),
      ),
    );
    expect(new Set(errors.map((error) => JSON.stringify(error))).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: 'COMPOSER_VIRTUAL_SERVER_UNKNOWN', status: 404 });
    expect(await servers.get(acme, 'desk')).toMatchObject({ version: 1 });
  });
});

describe('VirtualServerDirectory', () => {
  let store: MemoryVirtualServerStore;
  let tell: ChangeListener;
  let directory: VirtualServerDirectory;
  let reads: number;

  beforeEach(() => {
    store = new MemoryVirtualServerStore();
    reads = 0;
    const list = store.list.bind(store);
    store.list = (tenant) => {
      reads++;
      return list(tenant);
    };
    const feed = {
      onChange: (listener: ChangeListener) => {
        tell = listener;
        return () => undefined;
      },
    };
    directory = new VirtualServerDirectory(store, feed as unknown as ChangeFeed, log);
    directory.onModuleInit();
  });

  const write = (slug: string, more: object = {}) =>
    store.write(
      {
        tenantId: acme,
        server: { slug, label: '', servers: ['*'], naming: 'prefix', ...more },
        version: 1,
      },
      { action: 'virtual_server.created', actor },
    );
  const slugs = async (tenant = acme) => [...(await directory.load(tenant)).keys()];

  it('reads once for all who ask, and remembers', async () => {
    await write('desk');
    expect(directory.peek(acme)).toBeUndefined();
    expect(await Promise.all([slugs(), slugs()])).toEqual([['desk'], ['desk']]);
    expect([...directory.peek(acme)!.keys()]).toEqual(['desk']);
    expect(reads).toBe(1);
    expect(await slugs(globex)).toEqual([]);
  });

  it('forgets what has changed, and tells so, and nothing else', async () => {
    await slugs();
    await slugs(globex);
    const told: string[] = [];
    directory.onChange((tenant) => told.push(tenant));
    await tell({ tenantId: acme, topic: 'servers' });
    await tell({ tenantId: globex, topic: 'virtual-servers' });
    expect([directory.peek(acme), directory.peek(globex)]).toEqual([new Map(), undefined]);
    expect(told).toEqual([globex]);
  });

  it('does not remember what was read before a change that came meanwhile', async () => {
    const before = directory.load(acme);
    await tell({ tenantId: acme, topic: 'virtual-servers' });
    await write('desk');
    expect([...(await before).keys()]).toEqual([]);
    await new Promise(setImmediate);
    expect(directory.peek(acme)).toBeUndefined();
    expect(await slugs()).toEqual(['desk']);
  });

  it('reads again after a reading that failed', async () => {
    const { list } = store;
    store.list = () => Promise.reject(new Error('away'));
    await expect(directory.load(acme)).rejects.toThrow('away');
    store.list = list;
    expect(await slugs()).toEqual([]);
  });

  it('leaves out what a later version has stored, and serves the rest', async () => {
    await write('desk');
    await write('other', { naming: 'a later mode' });
    expect(await slugs()).toEqual(['desk']);
  });
});
