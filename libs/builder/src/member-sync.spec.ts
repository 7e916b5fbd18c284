import 'reflect-metadata';
import { type TenantId, serverId, tenantId, principalId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../testing/client-of.js';
import { type McpOrigin, answerCall, mcpOrigin } from '../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../testing/open-pool.js';
import { RecordingReply } from '../testing/recording-reply.js';
import { RotatingStrategy } from '../testing/rotating-strategy.js';
import { parseMessage } from './json-rpc/json-rpc-message.js';
import type { MemberSlot } from './member-slot.js';

const BY = { by: SYSTEM };
const acme = tenantId('acme');
const ref = (id: string, tenant: TenantId = acme) => ({ tenantId: tenant, serverId: serverId(id) });

/** Two pools on the same stores, as two processes have them: what changes here is followed there. */
const CALL = { method: 'tools/call', client: clientOf('legacy'), headers: {}, principalId: principalId('p') } as const;

describe('members of another process', () => {
  let here: OpenPool;
  let there: OpenPool;
  let crm: McpOrigin;
  let strategy: RotatingStrategy;
  let changed: TenantId[];
  const closing: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    crm = await mcpOrigin('echo', 'find');
    strategy = new RotatingStrategy();
    here = await openPool({ strategies: [strategy], speed: 5 });
    there = here.again();
    closing.push(crm, here, there);
    await Promise.all([here.pool.load(acme), there.pool.load(acme)]);
    changed = [];
    there.pool.onChange((tenant) => changed.push(tenant));
  });
  afterEach(async () => {
    for (const one of closing.splice(0).reverse()) await one.close();
  });

  const configOf = (id: string, more: object = {}) => ({
    id,
    type: 'http',
    endpoint: `${crm.url}/mcp`,
    health_check: { enabled: false },
    ...more,
  });
  const follow = (tenant = acme) => there.feed.tell({ tenantId: tenant, topic: 'servers' });
  const slot = (id: string) => there.pool.find(ref(id));
  const toolsOf = (one?: MemberSlot) => one?.offer.tools.map((text) => (JSON.parse(text) as { name: string }).name);
  const call = (one: MemberSlot, tool = 'echo') => {
    const params = { name: `x_${tool}`, arguments: {} };
    const message = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })));
    const reply = new RecordingReply();
    one.member!.request({ ...CALL, target: tool, message }, reply);
    return reply;
  };

  it('are served once they are registered, with the tools that were found over there', async () => {
    await here.registry.register(acme, configOf('crm'), BY);
    const asked = crm.asked.length;
    await follow();
    expect(toolsOf(slot('crm'))).toEqual(['echo', 'find']);
    expect(crm.asked).toHaveLength(asked); // nobody is asked again for what is stored
    expect(changed).toEqual([acme]);
    expect((await call(slot('crm')!).answered).result?.content?.[0]?.text).toBe('echo');
  });

  it('are built anew when they have changed, while the others stay what they are', async () => {
    for (const id of ['crm', 'erp']) await here.registry.register(acme, configOf(id), BY);
    await follow();
    const [before, other] = [slot('crm'), slot('erp')];
    await here.registry.update(ref('crm'), { label: 'new' }, BY);
    await follow();
    expect(slot('crm')).not.toBe(before);
    expect(slot('crm')?.config?.label).toBe('new');
    expect(slot('erp')).toBe(other);
    expect(slot('erp')?.member).toBe(other?.member);
  });

  it('finish the calls that they have begun when they are replaced or deleted', async () => {
    await here.registry.register(acme, configOf('crm'), BY);
    await follow();
    const held: (() => void)[] = [];
    crm.onCall = (message, response) => void held.push(() => answerCall(message, response, 'done'));
    const replaced = call(slot('crm')!);
    await until(() => held.length === 1, 'the call to arrive');
    await here.registry.update(ref('crm'), { label: 'new' }, BY);
    await follow();
    const deleted = call(slot('crm')!);
    await until(() => held.length === 2, 'the second call to arrive');
    await here.registry.remove(ref('crm'), SYSTEM);
    await follow();
    expect(slot('crm')).toBeUndefined();
    held.forEach((answer) => answer());
    for (const reply of [replaced, deleted]) expect((await reply.answered).result?.content?.[0]?.text).toBe('done');
  });

  it('are gone when they are deactivated or deleted, and back when they are activated', async () => {
    for (const id of ['crm', 'erp']) await here.registry.register(acme, configOf(id), BY);
    await follow();
    await here.registry.setStatus(ref('crm'), 'deactivated', SYSTEM);
    await here.registry.remove(ref('erp'), SYSTEM);
    await follow();
    expect(there.pool.members(acme)).toEqual([]);
    await here.registry.setStatus(ref('crm'), 'active', SYSTEM);
    await follow();
    expect(toolsOf(slot('crm'))).toEqual(['echo', 'find']);
  });

  it('are new ones when they were deleted and registered again between two looks', async () => {
    await here.registry.register(acme, configOf('crm', { label: 'old' }), BY);
    await follow();
    await here.registry.remove(ref('crm'), SYSTEM);
    const removedAt = Date.now();
    await until(() => Date.now() > removedAt, 'the clock to move on');
    await here.registry.register(acme, configOf('crm', { label: 'new' }), BY);
    await follow();
    expect(slot('crm')?.config?.label).toBe('new');
  });

  it('are not built again by the process that changed them', async () => {
    await here.registry.register(acme, configOf('crm'), BY);
    const own = here.pool.find(ref('crm'));
    await here.feed.tell({ tenantId: acme, topic: 'servers' });
    expect(here.pool.find(ref('crm'))).toBe(own);
    await here.registry.setStatus(ref('crm'), 'deactivated', SYSTEM);
    await here.feed.tell({ tenantId: acme, topic: 'servers' });
    expect(here.pool.find(ref('crm'))).toBeUndefined();
  });

  it('never undo a change that is under way here', async () => {
    await here.registry.register(acme, configOf('crm'), BY);
    await follow();
    const change = (n: number) => there.registry.update(ref('crm'), { label: `v${n}` }, BY);
    for (let n = 0; n < 10; n++) await Promise.all([change(n), follow(), follow()]);
    await follow();
    expect(slot('crm')?.config?.label).toBe('v9');
    expect((await there.registry.get(ref('crm'))).version).toBe(11);
    expect(slot('crm')?.member).toBeDefined();
  });

  it('of tenants that are not served here, and changes of other things, are left alone', async () => {
    const other = tenantId('other');
    await here.registry.register(acme, configOf('crm'), BY);
    await follow(other);
    await there.feed.tell({ tenantId: acme, topic: 'access' });
    expect(there.pool.isLoaded(other)).toBe(false);
    expect(slot('crm')).toBeUndefined();
  });

  it('are all followed but for the one that fails, which is told by rejecting', async () => {
    for (const id of ['a', 'b', 'c']) await here.registry.register(acme, configOf(id), BY);
    const { catalogs } = here.home;
    const read = catalogs.read.bind(catalogs);
    catalogs.read = (member) => (member.serverId === 'b' ? Promise.reject(new Error('away')) : read(member));
    await expect(follow()).rejects.toThrow('away');
    expect(there.pool.members(acme).map((one) => one.ref.serverId)).toEqual(['a', 'c']);
    catalogs.read = read;
    await follow();
    expect(there.pool.members(acme).map((one) => one.ref.serverId)).toEqual(['a', 'b', 'c']);
  });

  it('are closed when their tenant is served no more, and built anew when it is asked for again', async () => {
    await here.registry.register(acme, configOf('crm'), BY);
    await follow();
    const before = slot('crm');
    await there.pool.unload(acme);
    expect([there.pool.isLoaded(acme), slot('crm')]).toEqual([false, undefined]);
    await follow();
    expect(there.pool.isLoaded(acme)).toBe(false);
    await there.pool.load(acme);
    expect(slot('crm')).not.toBe(before);
    expect(toolsOf(slot('crm'))).toEqual(['echo', 'find']);
  });

  describe('whose credentials change', () => {
    const tell = () => there.feed.tell({ tenantId: acme, topic: 'credentials' });
    const rotating = (auth: object) => configOf('crm', { auth_strategy: 'rotating', auth });

    it('are called with what is stored now, and with nothing older', async () => {
      await here.registry.register(acme, rotating({}), BY);
      await follow();
      await call(slot('crm')!).answered;
      const before = strategy.asked.length;
      await there.feed.tell({ tenantId: tenantId('other'), topic: 'credentials' });
      await call(slot('crm')!).answered;
      expect(strategy.asked).toHaveLength(before);
      await tell();
      await call(slot('crm')!).answered;
      expect(strategy.asked).toHaveLength(before + 1);
    });

    it('offer here what they told a principal there', async () => {
      await here.registry.register(acme, rotating({ per_user: true }), BY);
      await follow();
      await there.pool.check(slot('crm')!);
      expect(toolsOf(slot('crm'))).toEqual([]);
      strategy.connected.add('ann');
      here.pool.noteCredentialsChanged(acme, serverId('crm'), principalId('ann'));
      await until(async () => (await here.home.catalogs.read(ref('crm'))) !== undefined, 'the stored list');
      await tell();
      await until(() => slot('crm')!.offer.tools.length === 2, 'the tools');
      expect(changed).toContain(acme);
    });
  });
});
