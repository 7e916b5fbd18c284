import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import { openApiDocument } from '../fixtures/openapi-member.js';
import { type RecordedRequest, type RestService, startRestService } from '../fixtures/rest-service.js';
import {
  callTool,
  connect,
  connectV1,
  modern,
  openSession,
  send,
  sendModern,
  toolNames,
} from '../fixtures/mcp-clients.js';
import {
  type McpMember,
  startEverythingServer,
  startLegacyMember,
  startModernMember,
} from '../fixtures/mcp-members.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../fixtures/eventually.js';

/** A number that comes back as it went, so that nobody's answer can be taken for another's. */
const doubling = async ({ url }: RecordedRequest) => {
  const n = Number(new URL(url, 'http://service').searchParams.get('n'));
  await pause(n % 7);
  return { body: { n, doubled: n * 2 } };
};

const SPEC = openApiDocument({
  'GET /double': {
    operationId: 'double',
    description: 'Doubles a number.',
    parameters: [{ name: 'n', in: 'query', required: true, schema: { type: 'integer' } }],
  },
});

describe('clients of every kind', () => {
  let composer: ComposerProcess;
  let service: RestService;
  let everything: Awaited<ReturnType<typeof startEverythingServer>>;
  let old: McpMember;
  let young: McpMember;
  const clients: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    [composer, service, everything, old, young] = await Promise.all([
      startComposer({ env: { TOOLS_PAGE_SIZE: '3' } }),
      startRestService({ answer: doubling }),
      startEverythingServer(),
      startLegacyMember(),
      startModernMember(),
    ]);
    const members = [
      { id: 'rest', type: 'openapi', open_api: { endpoint: service.url, spec: SPEC } },
      { id: 'everything', type: 'http', endpoint: everything.url },
      { id: 'old', type: 'http', endpoint: old.url },
      { id: 'young', type: 'http', endpoint: young.url },
    ];
    for (const member of members) {
      const { status, body } = await composer.api('POST', '/api/v1/servers', member);
      expect({ status, problem: body?._meta?.problem }).toEqual({ status: 201, problem: undefined });
    }
  }, 90_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
    await Promise.all(
      [composer, service, everything, old, young].map((part) => ('stop' in part ? part.stop() : part.close())),
    );
  });

  const kinds = {
    'the v1 client': () => connectV1(composer.mcpUrl),
    'the v2 client, legacy era': () => connect(composer.mcpUrl, 'legacy'),
    'the v2 client, modern era': () => connect(composer.mcpUrl, 'modern'),
  };
  const opened = async (kind: string) => {
    const client = await kinds[kind as keyof typeof kinds]();
    clients.push(client);
    return client;
  };

  describe.each(Object.keys(kinds))('%s', (kind) => {
    it('connects, lists every member and calls a tool of each, whatever era the member speaks', async () => {
      const client = await opened(kind);
      const names = await everyTool(client);
      expect(names).toEqual(expect.arrayContaining(['everything_echo', 'old_echo', 'rest_double', 'young_echo']));

      const rest = await client.callTool({ name: 'rest_double', arguments: { n: 21 } });
      expect(rest).toMatchObject({ structuredContent: { n: 21, doubled: 42 } });
      const official = await client.callTool({ name: 'everything_echo', arguments: { message: 'hello' } });
      expect(official).toMatchObject({ content: [{ type: 'text', text: 'Echo: hello' }] });
      const legacy = await client.callTool({ name: 'old_echo', arguments: { message: 'grüße 👋' } });
      expect(legacy).toMatchObject({ content: [{ type: 'text', text: 'legacy: grüße 👋' }] });
      const modernAnswer = await client.callTool({ name: 'young_echo', arguments: { message: 'grüße 👋' } });
      expect(modernAnswer).toMatchObject({ content: [{ type: 'text', text: 'modern: grüße 👋' }] });
    });

    it.each(['everything_trigger-long-running-operation', 'old_count', 'young_count'])(
      'hears the progress of %s, and of its own call only',
      async (name) => {
        const client = await opened(kind);
        const heard: number[][] = [[], []];
        const args = name.startsWith('everything') ? { duration: 0.3, steps: 3 } : { steps: 3 };
        const call = (list: number[]) =>
          client.callTool({ name, arguments: args }, { onprogress: ({ progress }) => void list.push(progress) });
        await Promise.all(heard.map((list) => call(list)));
        expect(heard).toEqual([
          [1, 2, 3],
          [1, 2, 3],
        ]);
      },
    );
  });

  it('gives fifty parallel calls of five clients their own answers, although their JSON-RPC ids collide', async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => openSession(composer.url)));
    const tools = ['rest_double', 'everything_get-sum', 'old_echo', 'young_echo'];
    const calls = Array.from({ length: 50 }, async (_, index) => {
      const id = Math.floor(index / 5);
      const client = index % 5;
      const name = tools[index % tools.length]!;
      const args = argumentsOf(name, index);
      const session = sessions[client];
      const { json } = session
        ? await send(composer.url, {
            headers: session,
            body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }),
          })
        : await sendModern(composer.url, { id, method: 'tools/call', params: { name, arguments: args } });
      return { id: json.id, wanted: id, text: JSON.stringify(json.result), own: ownAnswer(name, index) };
    });
    for (const { id, wanted, text, own } of await Promise.all(calls)) {
      expect(id).toBe(wanted);
      expect(text).toContain(own);
    }
  });

  it('cancels at a legacy member when a legacy client says so', async () => {
    const client = await opened('the v2 client, legacy era');
    const abort = new AbortController();
    const call = client.callTool({ name: 'old_wait', arguments: { key: 'by notice' } }, { signal: abort.signal });
    const refused = expect(call).rejects.toThrow();
    await eventually(() => expect(old.waiting).toContain('by notice'));
    abort.abort();
    await refused;
    await eventually(() => expect(old.cancelled).toContain('by notice'));
  });

  it('breaks the request to a member off when a modern client closes its connection', async () => {
    const client = await opened('the v2 client, modern era');
    const abort = new AbortController();
    const waits = [
      client.callTool({ name: 'young_wait', arguments: { key: 'by closing' } }, { signal: abort.signal }),
      client.callTool({ name: 'old_wait', arguments: { key: 'by closing' } }, { signal: abort.signal }),
    ];
    const refused = waits.map((call) => expect(call).rejects.toThrow());
    await eventually(() => {
      expect(young.waiting).toContain('by closing');
      expect(old.waiting).toContain('by closing');
    });
    abort.abort();
    await Promise.all(refused);
    await eventually(() => {
      expect(young.cancelled).toContain('by closing');
      expect(old.cancelled).toContain('by closing');
    });
  });

  it('frees the connection of a call that a legacy client has cancelled', async () => {
    const session = await openSession(composer.url);
    const call = { name: 'old_wait', arguments: { key: 'freed' } };
    const answer = send(composer.url, {
      headers: session,
      body: JSON.stringify({ jsonrpc: '2.0', id: 'abc', method: 'tools/call', params: call }),
    });
    await eventually(() => expect(old.waiting).toContain('freed'));
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'abc' } };
    await send(composer.url, { headers: session, body: JSON.stringify(cancelled) });
    // The stream says where to come back, as for every call that takes a while; it holds no message.
    expect((await answer).text).not.toContain('jsonrpc');
  });

  it('goes on with a call when a legacy client loses its connection, for that is no cancellation', async () => {
    const session = await openSession(composer.url);
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 5,
      method: 'tools/call',
      params: { name: 'old_wait', arguments: { key: 'lost' } },
    });
    await expect(send(composer.url, { headers: session, body, timeoutMs: 700 })).rejects.toThrow('no answer in time');
    expect(old.waiting).toContain('lost');
    expect(old.cancelled).not.toContain('lost');
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } };
    await send(composer.url, { headers: session, body: JSON.stringify(cancelled) });
    await eventually(() => expect(old.cancelled).toContain('lost'));
  });

  it.each(['legacy', 'modern'] as const)('tells a %s client when a member comes and when it goes', async (era) => {
    const client = await connect(composer.mcpUrl, era);
    clients.push(client);
    let told = 0;
    client.setNotificationHandler('notifications/tools/list_changed', () => {
      told++;
    });
    if (era === 'modern') await client.listen({ toolsListChanged: true });

    const id = `visitor-${era}`;
    // The legacy client opens its stream by itself and does not say when it stands.
    await eventually(async () => {
      await composer.api('POST', '/api/v1/servers', { id, type: 'http', endpoint: young.url });
      await composer.api('DELETE', `/api/v1/servers/${id}`);
      expect(told).toBeGreaterThan(0);
    });
    const before = told;
    await composer.api('POST', '/api/v1/servers', { id, type: 'http', endpoint: young.url });
    await eventually(() => expect(told).toBeGreaterThan(before));
    expect(await everyTool(client)).toContain(`${id}_echo`);
    const present = told;
    await composer.api('DELETE', `/api/v1/servers/${id}`);
    await eventually(() => expect(told).toBeGreaterThan(present));
    expect(await everyTool(client)).not.toContain(`${id}_echo`);
  });

  it('gives every tool exactly once over all pages, in one order for everybody', async () => {
    const names = await toolNames(composer.url);
    expect(names.length).toBeGreaterThan(20);
    expect(new Set(names).size).toBe(names.length);
    const pages = await pagesOf(await opened('the v1 client'));
    expect(pages.every((page) => page.length <= 3)).toBe(true);
    expect(pages.length).toBe(Math.ceil(names.length / 3));
    expect(pages.flat()).toEqual(names);
    expect((await pagesOf(await opened('the v2 client, modern era'))).flat()).toEqual(names);
  });

  it.each([['made up'], [''], ['YWZ0ZXI6!'], ['b3RoZXI6eA'], [7], [null], [{}]])(
    'refuses the cursor %j with -32602 in both eras',
    async (cursor) => {
      const session = await openSession(composer.url);
      const message = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { cursor } };
      const legacy = await send(composer.url, { headers: session, body: JSON.stringify(message) });
      expect(legacy).toMatchObject({ status: 200, json: { id: 1, error: { code: -32602 } } });
      const { json } = await modern(composer.url, 'tools/list', { cursor });
      expect(json).toMatchObject({ id: 1, error: { code: -32602 } });
    },
  );

  it('answers ping within a session', async () => {
    const client = await opened('the v1 client');
    await expect(client.ping()).resolves.toEqual({});
  });

  it('knows a session no more that its client has ended', async () => {
    const session = await openSession(composer.url);
    expect((await ping(composer.url, session)).status).toBe(200);
    expect((await send(composer.url, { method: 'DELETE', headers: session })).status).toBe(200);
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await send(composer.url, { method, headers: session })).status).toBe(404);
    }
    expect(await ping(composer.url, session)).toMatchObject({ status: 404, json: { error: expect.anything() } });
  });

  it('offers neither of two tools under one name, so that none is called by mistake', async () => {
    // "young" + "x_echo" and "young_x" + "echo" are one full name.
    const one = await startModernMember({ more: ['x_echo'] });
    const two = await startModernMember();
    try {
      await composer.api('POST', '/api/v1/servers', { id: 'twin', type: 'http', endpoint: one.url });
      await composer.api('POST', '/api/v1/servers', { id: 'twin_x', type: 'http', endpoint: two.url });
      const names = await toolNames(composer.url);
      expect(names.filter((name) => name.startsWith('twin'))).toContain('twin_echo');
      expect(names).not.toContain('twin_x_echo');
      const answer = await modern(composer.url, 'tools/call', { name: 'twin_x_echo', arguments: { message: 'who?' } });
      expect(answer.json).toMatchObject({ error: { code: -32602 } });
    } finally {
      await composer.api('DELETE', '/api/v1/servers/twin');
      await composer.api('DELETE', '/api/v1/servers/twin_x');
      await Promise.all([one.close(), two.close()]);
    }
  });
});

describe('a composer that is told to stop', () => {
  it('ends within seconds although streams are open and a call hangs, and says so to everybody', async () => {
    const [composer, old, young] = await Promise.all([startComposer(), startLegacyMember(), startModernMember()]);
    try {
      await composer.api('POST', '/api/v1/servers', { id: 'old', type: 'http', endpoint: old.url });
      await composer.api('POST', '/api/v1/servers', { id: 'young', type: 'http', endpoint: young.url });
      const client = await connect(composer.mcpUrl, 'modern');
      const subscription = await client.listen({ toolsListChanged: true });
      const session = await openSession(composer.url);
      const stream = send(composer.url, { method: 'GET', headers: session, timeoutMs: 25_000 });
      const calls = [
        callTool(composer.url, 'old_wait', { key: 'stopping' }),
        callTool(composer.url, 'young_wait', { key: 'stopping' }),
      ];
      await eventually(() => expect([...old.waiting, ...young.waiting]).toEqual(['stopping', 'stopping']));

      const started = performance.now();
      await composer.kill('SIGTERM');
      expect(performance.now() - started).toBeLessThan(15_000);
      await expect(subscription.closed).resolves.toBe('graceful');
      expect((await stream).status).toBe(200);
      for (const result of await Promise.all(calls)) {
        expect(result).toMatchObject({
          isError: true,
          content: [{ text: expect.stringMatching(/stopped.*not known/) }],
        });
      }
      expect([...old.cancelled, ...young.cancelled]).toEqual(['stopping', 'stopping']);
    } finally {
      await Promise.all([composer.stop(), old.close(), young.close()]);
    }
  });
});

describe('a session id', () => {
  it('outlives the process that gave it out, and is refused with one character changed', async () => {
    const first = await startComposer();
    const session = await openSession(first.url);
    await first.kill('SIGKILL');
    const second = await startComposer({ dataDir: first.dataDir });
    try {
      expect((await ping(second.url, session)).status).toBe(200);
      const id = session['mcp-session-id']!;
      const places = [3, Math.floor(id.length / 2), id.length - 3, id.length - 1];
      for (const place of places) {
        const altered = id.slice(0, place) + (id[place] === 'A' ? 'B' : 'A') + id.slice(place + 1);
        expect((await ping(second.url, { ...session, 'mcp-session-id': altered })).status).toBe(404);
      }
    } finally {
      await second.stop();
      await first.stop();
    }
  });
});

const ping = (url: string, session: Record<string, string>) =>
  send(url, { headers: session, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) });

/** The v1 client gives one page at a time, the v2 client all of them at once. */
async function pagesOf(client: Client): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    pages.push(page.tools.map(({ name }) => name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

const everyTool = async (client: Client) => (await pagesOf(client)).flat();

function argumentsOf(name: string, index: number): Record<string, unknown> {
  if (name === 'rest_double') return { n: index };
  return name === 'everything_get-sum' ? { a: index, b: 1000 } : { message: `call ${index}` };
}

function ownAnswer(name: string, index: number): string {
  if (name === 'rest_double') return `"doubled":${index * 2}`;
  if (name === 'everything_get-sum') return `is ${index + 1000}.`;
  return `call ${index}"`;
}
