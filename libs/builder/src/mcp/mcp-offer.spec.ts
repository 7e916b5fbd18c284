import 'reflect-metadata';
import { serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type McpOrigin, mcpOrigin } from '../../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { META_VERSION, MODERN_VERSION } from './mcp-protocol.js';

const crm = { tenantId: tenantId('acme'), serverId: serverId('crm') };
const ALL = { tools: {}, prompts: { listChanged: true }, resources: { subscribe: true }, completions: {} };
const prompts = (count: number) => Array.from({ length: count }, (_, at) => ({ name: `p${at}` }));

describe('the offer of an MCP member', () => {
  let opened: OpenPool;
  let origin: McpOrigin;

  beforeEach(async () => {
    origin = await mcpOrigin('echo');
    opened = await openPool({ speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    await origin.close();
  });

  const register = () =>
    opened.registry.register(
      crm.tenantId,
      { id: 'crm', type: 'http', endpoint: `${origin.url}/mcp`, timeout: 2, health_check: { enabled: false } },
      { by: SYSTEM },
    );
  const slot = () => opened.pool.find(crm)!;
  const offer = () => slot().offer;
  const check = () => opened.pool.check(slot());
  const asked = () => new Set(origin.methods().filter((method) => method.endsWith('/list')));

  /** Declares everything and has one entry of each list. */
  function haveAll(): void {
    origin.facts = { capabilities: ALL, instructions: 'Be kind.' };
    origin.lists.set('prompts/list', [{ prompts: [{ name: 'greet', 'x-own': 1 }] }]);
    origin.lists.set('resources/list', [{ resources: [{ uri: 'a://b', name: 'b' }] }]);
    origin.lists.set('resources/templates/list', [{ resourceTemplates: [{ uriTemplate: 'a://{c}', name: 'c' }] }]);
  }

  /** Answers as a member of revision 2026-07-28 does. */
  function beModern(hints: Record<string, object> = {}): void {
    origin.intercept = ({ id, method, ...more }, response) => {
      const { params } = more as { params?: { _meta?: Record<string, unknown>; cursor?: string } };
      const error = { code: -32601, message: 'Method not found' };
      const result = {
        'server/discover': { supportedVersions: [MODERN_VERSION], ...origin.facts },
        'tools/list': { tools: [] },
        ...Object.fromEntries([...origin.lists].map(([list, pages]) => [list, pages[Number(params?.cursor ?? 0)]])),
      }[String(method)];
      expect(params?._meta?.[META_VERSION]).toBe(MODERN_VERSION);
      const answer = result ? { result: { ...result, ...hints[String(method)] } } : { error };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
      return true;
    };
  }

  it.each([
    ['legacy', () => undefined],
    ['modern', beModern],
  ])('has every list that a %s member declares, as the member wrote it, and what it says of itself', async (_, be) => {
    haveAll();
    be();
    await register();
    expect(offer()).toMatchObject({
      prompts: ['{"name":"greet","x-own":1}'],
      resources: ['{"uri":"a://b","name":"b"}'],
      resourceTemplates: ['{"uriTemplate":"a://{c}","name":"c"}'],
      capabilities: ALL,
      instructions: 'Be kind.',
    });
    expect(slot().outcome).toBe('ok');
  });

  it('asks for no list that the member does not declare', async () => {
    origin.facts = { capabilities: { prompts: {} } };
    origin.lists.set('prompts/list', [{ prompts: [] }]);
    await register();
    expect(asked()).toEqual(new Set(['prompts/list']));
    expect(slot().outcome).toBe('ok');
  });

  it('follows the pages of every list', async () => {
    haveAll();
    origin.lists.set('prompts/list', [{ prompts: [{ name: 'a' }], nextCursor: '1' }, { prompts: [{ name: 'b' }] }]);
    await register();
    expect(offer().prompts).toEqual(['{"name":"a"}', '{"name":"b"}']);
  });

  it('has no templates where the member knows no such list, and is none the worse', async () => {
    haveAll();
    origin.lists.delete('resources/templates/list');
    await register();
    expect(offer()).toMatchObject({ resources: [expect.any(String)], resourceTemplates: [] });
    expect(slot().outcome).toBe('ok');
  });

  it.each([
    ['10001 entries', [{ prompts: prompts(10_001) }]],
    ['no list', [{}]],
    ['an error', []],
  ])('keeps the other lists, and the former one, when one is answered with %s', async (_, pages) => {
    haveAll();
    await register();
    origin.lists.set('prompts/list', pages);
    origin.tools = ['echo', 'sum'];
    await check();
    expect(offer()).toMatchObject({ prompts: ['{"name":"greet","x-own":1}'], resources: [expect.any(String)] });
    expect(offer().tools).toHaveLength(2);
    expect(slot().outcome).toBe('ok');
  });

  it('is not had from a member that nests deeper than a message may, and the fault is told as its own', async () => {
    await register();
    const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) as unknown;
    origin.tools = [{ name: 'deep', inputSchema: { type: 'object', default: deep } }];
    await check();
    expect(slot()).toMatchObject({ outcome: 'error', problem: expect.stringMatching(/cannot be read.*64 levels/) });
    expect(offer().tools).toHaveLength(1);
  });

  it('takes 10000 prompts', async () => {
    haveAll();
    origin.lists.set('prompts/list', [{ prompts: prompts(10_000) }]);
    await register();
    expect(offer().prompts).toHaveLength(10_000);
  });

  it('leaves out what would make a client refuse the whole list', async () => {
    haveAll();
    const good = [{ name: 'a', arguments: [{ name: 'x', required: true }] }];
    origin.lists.set('prompts/list', [
      { prompts: [...good, { name: '' }, { name: 'b', arguments: {} }, { name: 'c', arguments: ['x'] }, null] },
    ]);
    origin.lists.set('resources/list', [{ resources: [{ uri: 'a b', name: 'b' }, { uri: 'a://b' }, 'x'] }]);
    await register();
    expect(offer()).toMatchObject({ prompts: [JSON.stringify(good[0])], resources: [] });
  });

  it('tells which of its lists has changed, once', async () => {
    haveAll();
    await register();
    origin.lists.set('resources/list', [{ resources: [] }]);
    const told: ReadonlySet<string>[] = [];
    opened.pool.onChange((_, lists) => void told.push(lists));
    await check();
    expect(offer().resources).toEqual([]);
    expect(told).toEqual([new Set(['resources'])]);
    await check();
    expect(told).toHaveLength(1);
  });

  it('has the strictest hint of all pages, and none where the member gave none', async () => {
    haveAll();
    origin.lists.set('prompts/list', [
      { prompts: [], nextCursor: '1', ttlMs: 5_000, cacheScope: 'public' },
      { prompts: [], ttlMs: 900, cacheScope: 'private' },
    ]);
    beModern({ 'tools/list': { ttlMs: -1, cacheScope: 'public' } });
    await register();
    expect(offer().hints).toEqual({
      prompts: { ttlMs: 900, cacheScope: 'private' },
      tools: { ttlMs: 0, cacheScope: 'public' },
    });
  });

  it('tells of what a modern member declares since it was asked last', async () => {
    origin.facts = { capabilities: { tools: {} } };
    beModern();
    await register();
    haveAll();
    await check();
    expect(offer()).toMatchObject({ capabilities: ALL, prompts: [expect.any(String)] });
  });

  it('is there after a restart without the member being asked, as it was', async () => {
    haveAll();
    await register();
    const before = offer();
    const count = origin.asked.length;
    const again = opened.again();
    await again.pool.load(crm.tenantId);
    expect(again.pool.find(crm)!.offer).toEqual(before);
    expect(origin.asked).toHaveLength(count);
    await again.close();
  });

  it('that was stored before there was more than tools has no more than tools', async () => {
    await register();
    const content = { endpoint: `${origin.url}/mcp`, tools: ['{"name":"old"}'] };
    await opened.home.catalogs.write(crm, { fetchedAt: new Date(0), content });
    const again = opened.again();
    await again.pool.load(crm.tenantId);
    expect(again.pool.find(crm)!.offer).toEqual({
      tools: ['{"name":"old"}'],
      prompts: [],
      resources: [],
      resourceTemplates: [],
      capabilities: {},
      hints: {},
    });
    await again.close();
  });
});
