import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { EgressDeniedError } from '#egress';
import { serverId, tenantId, principalId } from '#kernel';
import { until } from '#persistence/testing';
import { InvalidServerConfigError, MemberProbeError } from '#registry';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../testing/client-of.js';
import { type McpOrigin, answerCall, mcpOrigin } from '../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../testing/open-pool.js';
import { RecordingReply } from '../testing/recording-reply.js';
import { parseMessage } from './json-rpc/json-rpc-message.js';
import { MemberTimeoutError } from './builder.errors.js';
import type { RunningCall } from './member.js';
import type { MemberSlot } from './member-slot.js';

const BY = { by: SYSTEM };
const EVENT = { action: 'server.updated', actor: SYSTEM };
const acme = tenantId('acme');
const ref = (id: string) => ({ tenantId: acme, serverId: serverId(id) });
const configOf = (origin: McpOrigin, more: object = {}) => ({
  id: 'crm',
  type: 'http',
  endpoint: `${origin.url}/mcp`,
  health_check: { enabled: false },
  ...more,
});
const SPEC = {
  openapi: '3.1.0',
  info: { title: 'fixture', version: '1' },
  paths: { '/ping': { get: { operationId: 'ping', responses: { 200: { description: 'fine' } } } } },
};

const CALL = { method: 'tools/call', client: clientOf('legacy'), headers: {}, principalId: principalId('p') } as const;

describe('MemberPool', () => {
  let opened: OpenPool;
  let crm: McpOrigin;
  const closing: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    crm = await mcpOrigin('echo', 'find');
    opened = await openPool();
    closing.push(crm, opened);
  });
  afterEach(async () => {
    for (const one of closing.splice(0).reverse()) await one.close();
  });

  const another = async (...tools: string[]): Promise<McpOrigin> => {
    const origin = await mcpOrigin(...tools);
    closing.push(origin);
    return origin;
  };
  const restarted = async (): Promise<OpenPool> => {
    const again = opened.again();
    closing.push(again);
    await again.pool.load(acme);
    return again;
  };
  const slot = (id = 'crm', { pool } = opened): MemberSlot => pool.find(ref(id))!;
  const toolsOf = (one: MemberSlot) => one.offer.tools.map((text) => (JSON.parse(text) as { name: string }).name);

  function call(one: MemberSlot, tool: string): RecordingReply & { readonly running: RunningCall } {
    const params = { name: `crm_${tool}`, arguments: {} };
    const message = parseMessage(
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 'caller-1', method: 'tools/call', params })),
    );
    const reply = new RecordingReply();
    return Object.assign(reply, {
      running: one.member!.request({ ...CALL, target: tool, message }, reply),
    });
  }
  const textOf = async (reply: RecordingReply) => {
    const answer = await reply.answered;
    return answer.failure ?? answer.result?.content?.[0]?.text;
  };

  it('serves a registered member with the tools that it offers', async () => {
    await opened.registry.register(acme, configOf(crm), BY);
    expect(toolsOf(slot())).toEqual(['echo', 'find']);
    expect(slot().outcome).toBe('ok');
    expect(await textOf(call(slot(), 'echo'))).toBe('echo');
    expect(opened.pool.members(acme).map(({ ref: { serverId } }) => serverId)).toEqual(['crm']);
  });

  it('keeps the members of tenants apart', async () => {
    const globex = tenantId('globex');
    await opened.registry.register(acme, configOf(crm), BY);
    await opened.registry.register(globex, configOf(await another('other')), BY);
    expect(toolsOf(slot())).toEqual(['echo', 'find']);
    expect(opened.pool.members(globex).flatMap(toolsOf)).toEqual(['other']);
    expect(opened.pool.members(tenantId('nobody'))).toEqual([]);
    expect(opened.pool.everyMember()).toHaveLength(2);
  });

  it('lets a call that runs finish at the member that it began with, while new calls go to the next one', async () => {
    await opened.registry.register(acme, configOf(crm), BY);
    const before = slot();
    const held: (() => void)[] = [];
    crm.onCall = (message, response: ServerResponse) =>
      void held.push(() => answerCall(message, response, 'from the old one'));
    const running = call(before, 'echo');
    await until(() => held.length === 1, 'the call to arrive');

    const next = await another('echo');
    next.onCall = (message, response) => answerCall(message, response, 'from the new one');
    await opened.registry.update(ref('crm'), { endpoint: `${next.url}/mcp` }, BY);
    expect(await textOf(call(slot(), 'echo'))).toBe('from the new one');
    expect(crm.methods()).not.toContain('DELETE');
    held[0]!();
    expect(await textOf(running)).toBe('from the old one');
    await until(() => crm.methods().includes('DELETE'), 'the session with the old one to end');
    expect(running.answers).toBe(1);
  });

  it('breaks off the calls of a deleted member that it still answers, and tells their callers so', async () => {
    await opened.registry.register(acme, configOf(crm), BY);
    crm.onCall = () => undefined;
    const running = call(slot(), 'echo');
    await until(() => crm.methods().includes('tools/call'), 'the call to arrive');
    await slot().member!.close(0);
    expect(await textOf(running)).toMatch(/COMPOSER_MEMBER_CLOSED.*not known/);
    await until(() => crm.methods().includes('notifications/cancelled'), 'the member to be told');
  });

  it('goes on with the old member when the new configuration does not work', async () => {
    await opened.registry.register(acme, configOf(crm), BY);
    const broken = await another('echo');
    broken.status = 500;
    const before = slot();
    const update = opened.registry.update(ref('crm'), { endpoint: `${broken.url}/mcp` }, BY);
    await expect(update).rejects.toThrow(MemberProbeError);
    expect(slot()).toBe(before);
    expect(await textOf(call(slot(), 'find'))).toBe('find');
  });

  it.each([
    ['just after a restart', async () => (await restarted()).registry],
    [
      'although its last call failed',
      async () => {
        slot().note('timeout');
        return opened.registry;
      },
    ],
  ])('tries the old member before it replaces it by one that does not work, %s', async (_, prepared) => {
    await opened.registry.register(acme, configOf(crm), BY);
    const broken = await another('echo');
    broken.status = 500;
    const update = async () => (await prepared()).update(ref('crm'), { endpoint: `${broken.url}/mcp` }, BY);
    await expect(update()).rejects.toThrow(MemberProbeError);
    crm.status = 500;
    expect((await update()).problem).toContain('500');
  });

  it('hides the credential that a member repeats in its error', async () => {
    crm.intercept = ({ id }, response) => {
      const error = { code: -32_000, message: 'no such token: sesame-1' };
      return !!response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, error }));
    };
    const bearer = { auth_strategy: 'bearer', auth: { token: 'sesame-1' } };
    const { problem } = await opened.registry.register(acme, configOf(crm, bearer), BY);
    expect(problem).toContain('no such token: [secret]');
    expect(slot().problem).toBe(problem);
    await opened.pool.check(slot());
    expect(slot().problem).toBe(problem);
    expect(opened.home.lines.join()).not.toContain('sesame-1');
  });

  it('stores a new member that is away and says why it does not work', async () => {
    await crm.close();
    const { problem } = await opened.registry.register(acme, configOf(crm), BY);
    expect(problem).toMatch(/could not be reached/);
    expect(slot()).toMatchObject({ outcome: 'unreachable', problem });
    expect(toolsOf(slot())).toEqual([]);
  });

  it.each([
    [401, 'auth_required'],
    [500, 'error'],
  ])('knows a member that answers %s as %s', async (status, outcome) => {
    crm.status = status;
    await opened.registry.register(acme, configOf(crm), BY);
    expect(slot().outcome).toBe(outcome);
  });

  it('waits for an answer no longer than the configuration says, and tells the member that nobody waits', async () => {
    const hasty = await openPool({ speed: 10 });
    closing.push(hasty);
    await hasty.registry.register(acme, configOf(crm, { timeout: 2 }), BY);
    crm.onCall = () => undefined;
    expect(await textOf(call(slot('crm', hasty), 'echo'))).toMatch(/COMPOSER_MEMBER_TIMEOUT.*within 2 s.*not known/);
    expect(slot('crm', hasty).outcome).toBe('timeout');
    await until(() => crm.methods().includes('notifications/cancelled'), 'the member to be told');
  });

  describe('check', () => {
    const changes = () => {
      const seen: string[] = [];
      return { seen, stop: opened.pool.onChange((tenant) => seen.push(tenant)) };
    };

    it('takes over what a member offers now, tells the listeners, and keeps it for the next process', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      const { seen } = changes();
      crm.tools = ['echo', 'sum'];
      await opened.pool.check(slot());
      expect(toolsOf(slot())).toEqual(['echo', 'sum']);
      expect(seen).toEqual([acme]);
      expect(toolsOf(slot('crm', await restarted()))).toEqual(['echo', 'sum']);
    });

    it('asks a member once for all who want to know at the same time', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      const before = crm.asked.length;
      const [first, second] = [opened.pool.check(slot()), opened.pool.check(slot())];
      expect(second).toBe(first);
      await first;
      expect(crm.asked).toHaveLength(before + 1);
      await opened.pool.check(slot());
      expect(crm.asked).toHaveLength(before + 2);
    });

    it('asks for no further page when the time for all of them is over', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      let page = 0;
      crm.intercept = ({ id, method }, response) => {
        if (method !== 'tools/list') return false;
        const result = { tools: [{ name: 'late', inputSchema: { type: 'object' } }], nextCursor: String(++page) };
        setTimeout(
          () =>
            response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result })),
          50,
        );
        return true;
      };
      await expect(slot().member!.refresh(400)).rejects.toThrow(MemberTimeoutError);
      expect(page).toBeLessThan(20);
      expect(slot().member!.offered().tools).toHaveLength(2);
    });

    it('lets nobody wait for a session longer than it may, and lets the others have it', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      crm.status = 500;
      await opened.pool.check(slot());
      crm.status = 200;
      const held: (() => void)[] = [];
      const opens = () => crm.methods().filter((method) => method === 'initialize').length;
      const before = opens();
      crm.intercept = ({ id, method }, response) => {
        if (method !== 'server/discover') return false;
        held.push(() => void response.writeHead(400).end(String(id)));
        return true;
      };
      const hasty = slot().member!.refresh(100);
      const patient = slot().member!.refresh(4_000);
      await expect(hasty).rejects.toThrow(MemberTimeoutError);
      for (const release of held) release();
      expect((await patient).tools).toHaveLength(2);
      expect(opens()).toBe(before + 1);
    });

    it('leaves out tools whose definitions would break the list, and keeps the rest', async () => {
      crm.tools = ['echo', { name: 'bare' }, { name: 'a b', inputSchema: { type: 'object' } }, 'find'];
      await opened.registry.register(acme, configOf(crm), BY);
      expect(toolsOf(slot())).toEqual(['echo', 'find']);
    });

    it('does not work with a member that speaks an unknown revision', async () => {
      crm.intercept = ({ id, method }, response) => {
        if (method !== 'initialize') return false;
        const result = { protocolVersion: '2199-01-01', capabilities: {} };
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result }));
        return true;
      };
      const { problem } = await opened.registry.register(acme, configOf(crm), BY);
      expect(problem).toContain('2199-01-01');
    });

    it('tells nobody when nothing has changed, and nobody who has stopped listening', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      const { seen, stop } = changes();
      await opened.pool.check(slot());
      expect(seen).toEqual([]);
      stop();
      crm.tools = [];
      await opened.pool.check(slot());
      expect(seen).toEqual([]);
    });

    it('keeps the tools of a member that is away, and its state says so until it is back', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      crm.status = 503;
      await opened.pool.check(slot());
      expect(slot()).toMatchObject({
        outcome: 'error',
        problem: 'it answered tools/list with HTTP 503 and no JSON-RPC message: is this its MCP endpoint?',
      });
      expect(toolsOf(slot())).toEqual(['echo', 'find']);
      crm.status = 200;
      await opened.pool.check(slot());
      expect(slot()).toMatchObject({ outcome: 'ok', problem: undefined });
    });

    it('opens a new session with a member that has forgotten the old one', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      crm.forgetSessions();
      expect(await textOf(call(slot(), 'echo'))).toBe('echo');
      crm.forgetSessions();
      await opened.pool.check(slot());
      expect(slot().outcome).toBe('ok');
    });

    it('changes nothing when the member was replaced, even while that one still finishes a call', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      const old = slot();
      const held: (() => void)[] = [];
      crm.onCall = (message, response) => void held.push(() => answerCall(message, response, 'late'));
      const running = call(old, 'echo');
      await until(() => held.length === 1, 'the call to arrive');
      const next = await another('new');
      await opened.registry.update(ref('crm'), { endpoint: `${next.url}/mcp` }, BY);
      const { seen } = changes();
      crm.tools = ['stale'];
      await opened.pool.check(old);
      expect(old.outcome).toBe('ok');
      expect(seen).toEqual([]);
      expect(toolsOf(slot('crm', await restarted()))).toEqual(['new']);
      held[0]!();
      expect(await textOf(running)).toBe('late');
    });
  });

  describe('after a restart', () => {
    it('serves what members offered last, without contacting one', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      const openapi = { id: 'api', type: 'openapi', open_api: { endpoint: crm.url, spec: SPEC } };
      await opened.registry.register(acme, openapi, BY);
      const asked = crm.asked.length;
      const again = await restarted();
      expect(again.pool.members(acme).map(toolsOf)).toEqual([['ping'], ['echo', 'find']]);
      expect(crm.asked).toHaveLength(asked);
    });

    it('serves what was stored of a document before it could have resources', async () => {
      const openapi = { id: 'api', type: 'openapi', open_api: { endpoint: crm.url, spec: SPEC } };
      await opened.registry.register(acme, openapi, BY);
      const { content, fetchedAt } = (await opened.home.catalogs.read(ref('api')))!;
      const { fingerprint, operations } = content as { fingerprint: string; operations: object[] };
      await opened.home.catalogs.write(ref('api'), { fetchedAt, content: { fingerprint, operations } });
      const again = slot('api', await restarted());
      expect({ tools: toolsOf(again), resources: again.offer.resources }).toEqual({ tools: ['ping'], resources: [] });
    });

    it('lets a configuration that cannot be opened hide no other', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      for (const id of ['lost', 'odd'])
        await opened.registry.register(
          acme,
          configOf(crm, { id, auth_strategy: 'bearer', auth: { token: 'sesame' } }),
          BY,
        );
      const { servers } = opened.home;
      const { secrets: _, ...lost } = (await servers.find(ref('lost')))!;
      await servers.replace({ ...lost, secrets: { '/auth/token': 'not sealed here' }, version: 2 }, EVENT);
      const odd = (await servers.find(ref('odd')))!;
      await servers.replace({ ...odd, config: { id: 'odd', type: 'pigeon' }, secrets: {}, version: 2 }, EVENT);

      const again = await restarted();
      expect(toolsOf(slot('crm', again))).toEqual(['echo', 'find']);
      for (const id of ['lost', 'odd']) {
        expect(slot(id, again)).toMatchObject({ outcome: 'error', member: undefined, offer: { tools: [] } });
        expect(slot(id, again).problem).toBeTruthy();
      }
    });

    it('does not promise the tools that another endpoint offered', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      const content = { endpoint: 'http://127.0.0.1:1/mcp', tools: ['{"name":"stale"}'] };
      await opened.home.catalogs.write(ref('crm'), { fetchedAt: new Date(0), content });
      expect(toolsOf(slot('crm', await restarted()))).toEqual([]);
    });

    it('loads each tenant once, whoever asks, and again after it has failed', async () => {
      await opened.registry.register(acme, configOf(crm), BY);
      const again = opened.again();
      closing.push(again);
      const list = again.home.servers.list.bind(again.home.servers);
      let isAway = true;
      let reads = 0;
      again.home.servers.list = (tenant) => {
        reads++;
        return isAway ? Promise.reject(new Error('the database is away')) : list(tenant);
      };
      await expect(again.pool.load(acme)).rejects.toThrow('the database is away');
      expect(again.pool.isLoaded(acme)).toBe(false);
      isAway = false;
      await Promise.all([again.pool.load(acme), again.pool.load(acme)]);
      await again.pool.load(acme);
      expect(again.pool.isLoaded(acme)).toBe(true);
      expect(reads).toBe(2);
    });
  });

  it('serves a deactivated member no more, tells the listeners, and serves it again when it is activated', async () => {
    await opened.registry.register(acme, configOf(crm), BY);
    const seen: string[] = [];
    opened.pool.onChange((tenant) => seen.push(tenant));
    await opened.registry.setStatus(ref('crm'), 'deactivated', SYSTEM);
    expect(opened.pool.find(ref('crm'))).toBeUndefined();
    expect(seen).toEqual([acme]);
    expect((await restarted()).pool.members(acme)).toEqual([]);
    await opened.registry.setStatus(ref('crm'), 'active', SYSTEM);
    expect(toolsOf(slot())).toEqual(['echo', 'find']);
    await opened.registry.remove(ref('crm'), SYSTEM);
    expect(opened.pool.members(acme)).toEqual([]);
    expect(seen).toHaveLength(3);
  });

  it('names every address of a configuration that may not be called, and asks none of them', async () => {
    const endpoint = 'http://10.0.0.1:1/mcp';
    await expect(opened.pool.judge([{ path: 'endpoint', url: `${crm.url}/mcp` }])).resolves.toBeUndefined();
    const judged = opened.pool.judge([
      { path: 'endpoint', url: endpoint },
      { path: 'open_api.spec_url', url: `${crm.url}/spec` },
      { path: 'open_api.endpoint', url: 'file:///etc/passwd' },
    ]);
    await expect(judged).rejects.toMatchObject({ faults: [{ path: 'endpoint' }, { path: 'open_api.endpoint' }] });
    await expect(opened.registry.register(acme, configOf(crm, { endpoint }), BY)).rejects.toThrow(EgressDeniedError);
    expect(opened.pool.find(ref('crm'))).toBeUndefined();
    expect(crm.asked).toEqual([]);
  });

  it('refuses a specification that is none before anything is stored', async () => {
    const open_api = { endpoint: crm.url, spec: { openapi: '9.9.9' } };
    const registering = opened.registry.register(acme, { id: 'api', type: 'openapi', open_api }, BY);
    await expect(registering).rejects.toMatchObject({ status: 422 });
    await expect(registering).rejects.not.toThrow(InvalidServerConfigError);
    expect(await opened.registry.list(acme)).toEqual([]);
  });

  it('ends every session when the composer stops', async () => {
    await opened.registry.register(acme, configOf(crm), BY);
    await opened.pool.beforeApplicationShutdown();
    expect(crm.methods().at(-1)).toBe('DELETE');
  });
});
