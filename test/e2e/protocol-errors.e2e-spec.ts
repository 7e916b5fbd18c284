import { connect as connectTcp } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  JSON_HEADERS,
  LEGACY,
  MODERN,
  type RawRequest,
  callTool,
  modern,
  openSession,
  send,
  sendModern,
} from '../fixtures/mcp-clients.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';

let composer: ComposerProcess;
let service: RestService;
let session: Record<string, string>;

beforeAll(async () => {
  [composer, service] = await Promise.all([startComposer(), startRestService()]);
  expect((await composer.api('POST', '/api/v1/servers', service.member('shop'))).status).toBe(201);
  session = await openSession(composer.url);
}, 60_000);
afterAll(() => Promise.all([composer.stop(), service.stop()]));

/** Whatever a stranger has sent: the process is the same one, serves, and has found no fault of its own. */
afterEach(async () => {
  expect(await callTool(composer.url, 'shop_get_order', { orderId: '7' })).toMatchObject({
    structuredContent: { id: '7' },
  });
  expect(composer.stderr()).not.toMatch(/"level":"(error|fatal)"/);
});

const raw = (body: string | Buffer, more: RawRequest = {}) =>
  send(composer.url, { body, ...more, headers: { ...session, ...more.headers } });
const message = (more: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', ...more });

describe('a body', () => {
  const deep = (levels: number) =>
    `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`;
  it.each<[string, string | Buffer, number]>([
    ['is no JSON', '{"jsonrpc":', -32700],
    ['is empty', '', -32700],
    ['is text', 'hello', -32700],
    ['is no UTF-8', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"p\xff\xfe"}', 'latin1'), -32700],
    ['begins with a byte order mark', `\ufeff${message({})}`, -32700],
    ['is two messages', message({}) + message({}), -32700],
    ['is a batch', `[${message({})},${message({ id: 2 })}]`, -32600],
    ['is an empty batch', '[]', -32600],
    ['is null', 'null', -32600],
    ['is a number', '7', -32600],
    ['is no JSON-RPC', '{"id":1,"method":"ping"}', -32600],
    ['is of another JSON-RPC', message({ jsonrpc: '1.0' }), -32600],
    ['has neither method nor result', '{"jsonrpc":"2.0","id":1}', -32600],
    ['has a method that is no string', message({ method: 7 }), -32600],
    ['has params that are a list', message({ params: [] }), -32600],
    ['has the id null', message({ id: null }), -32600],
    ['has a fraction as id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600],
    [
      'has a number as id that JavaScript cannot hold',
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
      -32600,
    ],
    ['has an endless number as id', '{"jsonrpc":"2.0","id":1e999,"method":"ping"}', -32600],
    ['has an object as id', message({ id: {} }), -32600],
    ['has a very long id', message({ id: 'x'.repeat(5000) }), -32600],
    ['has a key twice', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}', -32600],
    [
      'has a key twice, once in escapes',
      '{"jsonrpc":"2.0","id":1,"method":"ping","m\\u0065thod":"tools/list"}',
      -32600,
    ],
    [
      'has a key of params twice',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
      -32600,
    ],
    ['is nested too deep', deep(200), -32600],
    ['is a depth bomb', deep(200_000), -32600],
  ])('that %s is answered with the error of JSON-RPC', async (_what, body, code) => {
    const answer = await raw(body);
    expect(answer).toMatchObject({
      status: 400,
      json: { jsonrpc: '2.0', error: { code, message: expect.any(String) } },
    });
    expect(answer.headers['content-type']).toBe('application/json');
  });

  it.each([
    ['with its length', false],
    ['in chunks, without one', true],
  ])('of 2 MiB is refused with 413, sent %s', async (_how, chunked) => {
    const body = message({ params: { a: 'x'.repeat(2 * 1024 * 1024) } });
    const answer = await raw(body, { chunked }).catch((error: NodeJS.ErrnoException) => error);
    // Whoever goes on sending may find the connection closed before the answer is read.
    if (answer instanceof Error) expect(['ECONNRESET', 'EPIPE']).toContain(answer.code);
    else expect(answer).toMatchObject({ status: 413, json: { error: { code: -32600 } } });
  });

  it('of a little less than 1 MiB is read', async () => {
    const { status } = await raw(message({ params: { a: 'x'.repeat(1024 * 1024 - 200) } }));
    expect(status).toBe(200);
  });

  it('that stops in the middle keeps nobody waiting', async () => {
    const socket = connectTcp(Number(new URL(composer.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"json',
    );
    const { status } = await raw(message({}));
    expect(status).toBe(200);
    socket.destroy();
  });
});

describe('headers', () => {
  it.each<[string, Record<string, string>, number]>([
    ['Origin', { origin: 'https://evil.example' }, 403],
    ['Origin', { origin: 'null' }, 403],
    ['Origin', { origin: 'http://localhost.evil.example' }, 403],
    ['Host', { host: 'evil.example' }, 403],
    ['Host', { host: '127.0.0.1.evil.example' }, 403],
    ['Content-Type', { 'content-type': 'text/plain' }, 415],
    ['Content-Type', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['Accept', { accept: 'text/html' }, 406],
    ['MCP-Protocol-Version', { 'mcp-protocol-version': '2099-01-01' }, 400],
    ['MCP-Protocol-Version', { 'mcp-protocol-version': 'nonsense' }, 400],
    ['Mcp-Session-Id', { 'mcp-session-id': 'made-up' }, 404],
    ['Mcp-Session-Id', { 'mcp-session-id': '' }, 404],
  ])('%s: %j is refused', async (_name, headers, status) => {
    const answer = await raw(message({}), { headers });
    expect(answer.status).toBe(status);
    expect(answer.json?.error).toMatchObject({ code: expect.any(Number), message: expect.any(String) });
  });

  it.each(['http://localhost:1234', 'http://127.0.0.1', 'http://[::1]:8080'])(
    'Origin: %s is served',
    async (origin) => {
      expect((await raw(message({}), { headers: { origin } })).status).toBe(200);
    },
  );

  it('without a session lead to 400, and a batch of methods to 405', async () => {
    const { 'mcp-session-id': _id, ...without } = session;
    expect(await send(composer.url, { headers: without, body: message({}) })).toMatchObject({
      status: 400,
      json: { id: 1, error: {} },
    });
    for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD']) {
      const answer = await send(composer.url, { method, headers: without });
      expect([method, answer.status]).toEqual([method, 405]);
      expect(answer.headers.allow).toMatch(/POST/);
    }
  });

  it('that are no HTTP are answered as HTTP answers them', async () => {
    for (const text of [
      'GARBAGE\r\n\r\n',
      'POST /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
    ]) {
      expect(await spoken(text)).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
  });
});

describe('a method', () => {
  it.each(['nonsense', 'tools/nonsense', '__proto__', 'constructor', '', 'TOOLS/LIST', 'x'.repeat(10_000)])(
    'that is unknown, %.20j, is -32601 in both eras; the modern one says 404 as well',
    async (method) => {
      expect(await raw(message({ method }))).toMatchObject({ status: 200, json: { id: 1, error: { code: -32601 } } });
      const headers = { 'mcp-method': method };
      expect(await sendModern(composer.url, { id: 1, method, params: {} }, headers)).toMatchObject({
        status: 404,
        json: { id: 1, error: { code: -32601 } },
      });
    },
  );

  it.each(['initialize', 'ping', 'logging/setLevel'])('%s is not part of the modern era', async (method) => {
    expect((await modern(composer.url, method)).json.error.code).toBe(-32601);
  });

  it('that notifies is accepted and not answered', async () => {
    for (const method of ['notifications/initialized', 'notifications/cancelled', 'notifications/nonsense']) {
      const answer = await raw(JSON.stringify({ jsonrpc: '2.0', method }));
      expect([answer.status, answer.text]).toEqual([202, '']);
    }
  });

  it('that calls an unknown tool is -32602, whatever stands in its name', async () => {
    for (const name of ['nonsense', '__proto__', 'constructor', 'shop_', 'shop_get_order ', 7, null, {}, [], '']) {
      const answer = await raw(message({ method: 'tools/call', params: { name, arguments: {} } }));
      expect(answer).toMatchObject({ status: 200, json: { id: 1, error: { code: -32602 } } });
    }
    for (const args of [[], 'x', 7, null]) {
      const params = { name: 'shop_get_order', arguments: args };
      const { json } = await raw(message({ method: 'tools/call', params }));
      expect(json.error?.code === -32602 || json.result?.isError === true).toBe(true);
    }
  });
});

describe('a request of the modern era', () => {
  const meta = { [VERSION_KEY]: MODERN, [CAPABILITIES_KEY]: {} };
  const listing = (headers: Record<string, string>, params: object, method = 'tools/list') =>
    send(composer.url, {
      headers: { ...JSON_HEADERS, ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
  const full = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/list' };

  it.each<[string, Record<string, string>, object, number]>([
    ['has no _meta', full, {}, -32602],
    ['has a _meta that is none', full, { _meta: 7 }, -32602],
    ['has no version in its _meta', full, { _meta: { [CAPABILITIES_KEY]: {} } }, -32602],
    ['has no capabilities in its _meta', full, { _meta: { [VERSION_KEY]: MODERN } }, -32602],
    ['has capabilities that are none', full, { _meta: { ...meta, [CAPABILITIES_KEY]: 'x' } }, -32602],
    ['has no version header', { 'mcp-method': 'tools/list' }, { _meta: meta }, -32020],
    ['has another version in its header', { ...full, 'mcp-protocol-version': LEGACY }, { _meta: meta }, -32020],
    ['has no method header', { 'mcp-protocol-version': MODERN }, { _meta: meta }, -32020],
    ['has another method in its header', { ...full, 'mcp-method': 'tools/call' }, { _meta: meta }, -32020],
    ['has the method header in another case', { ...full, 'mcp-method': 'Tools/List' }, { _meta: meta }, -32020],
    [
      'is of a version that nobody speaks',
      { ...full, 'mcp-protocol-version': '2099-01-01' },
      { _meta: { ...meta, [VERSION_KEY]: '2099-01-01' } },
      -32022,
    ],
  ])('that %s is 400 with %#', async (_what, headers, params, code) => {
    const answer = await listing(headers, params);
    expect(answer).toMatchObject({ status: 400, json: { id: 1, error: { code } } });
    if (code === -32022) {
      expect(answer.json.error.data).toEqual({
        supported: expect.arrayContaining([MODERN, LEGACY]),
        requested: '2099-01-01',
      });
    }
  });

  it.each<[string, Record<string, string>]>([
    ['no name header', {}],
    ['another name in its header', { 'mcp-name': 'shop_list_orders' }],
    ['a name header in base64 of another name', { 'mcp-name': `=?base64?${Buffer.from('x').toString('base64')}?=` }],
  ])('that calls a tool with %s is 400 with -32020, and nothing is called', async (_what, named) => {
    service.forget();
    const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', ...named };
    const params = { _meta: meta, name: 'shop_get_order', arguments: { orderId: '1' } };
    expect(await listing(headers, params, 'tools/call')).toMatchObject({
      status: 400,
      json: { id: 1, error: { code: -32020 } },
    });
    expect(service.calls()).toEqual([]);
  });

  it('may write its name header in base64', async () => {
    const name = `=?base64?${Buffer.from('shop_get_order').toString('base64')}?=`;
    const call = { name: 'shop_get_order', arguments: { orderId: '1' } };
    expect(
      (await sendModern(composer.url, { id: 1, method: 'tools/call', params: call }, { 'mcp-name': name })).json.result,
    ).toBeDefined();
  });

  it('gets no answer to a response, and 405 for GET and DELETE', async () => {
    const response = { jsonrpc: '2.0', id: 1, result: {} };
    const headers = { ...JSON_HEADERS, 'mcp-protocol-version': MODERN };
    expect((await send(composer.url, { headers, body: JSON.stringify(response) })).status).toBe(400);
    for (const method of ['GET', 'DELETE']) expect((await send(composer.url, { method, headers })).status).toBe(405);
  });
});

describe('nasty JSON', () => {
  const NASTY: readonly unknown[] = [
    '',
    ' ',
    'null',
    '\u0000',
    '\ud800',
    '\u202e\u2066',
    '"\\\b\f\n\r\t',
    '\u2028\u2029',
    '__proto__',
    '%s%n%x',
    "'; DROP TABLE servers; --",
    '<script>',
    '${7*7}',
    '../../etc/passwd',
    'x'.repeat(100_000),
    '👩‍👩‍👧‍👦'.repeat(100),
    0,
    -0,
    -1,
    1e308,
    2 ** 53,
    true,
    false,
    null,
    {},
    [],
    [[]],
    { __proto__: 1 },
    { 'a"b\\c': { '': [null] } },
    { toString: 1, valueOf: 2, then: 3 },
  ];
  const PLACES = [
    'body',
    'id',
    'method',
    'params',
    'name',
    'arguments',
    'argument',
    'cursor',
    '_meta',
    'progressToken',
  ] as const;

  it.each(PLACES)('as %s gets an answer that JSON-RPC or HTTP defines, and never 500', async (place) => {
    for (const value of NASTY) {
      for (const send of [inSession, inModern]) {
        const { status, text, json } = await send(bodyWith(place, value));
        expect([200, 202, 400, 404]).toContain(status);
        if (status !== 202) {
          expect(json).toMatchObject({ jsonrpc: '2.0' });
          expect('result' in json || [-32700, -32600, -32601, -32602, -32020, -32022].includes(json.error.code)).toBe(
            true,
          );
        } else expect(text).toBe('');
      }
    }
  });

  const inSession = (body: string) => raw(body);
  const inModern = (body: string) => {
    const { method, params } = (JSON.parse(body) ?? {}) as { method?: unknown; params?: { name?: unknown } };
    const headers: Record<string, string> = { ...JSON_HEADERS, 'mcp-protocol-version': MODERN };
    if (typeof method === 'string') headers['mcp-method'] = encoded(method);
    if (typeof params?.name === 'string') headers['mcp-name'] = encoded(params.name);
    return send(composer.url, { headers, body });
  };

  function bodyWith(place: (typeof PLACES)[number], value: unknown): string {
    const meta = { [VERSION_KEY]: MODERN, [CAPABILITIES_KEY]: {} };
    const call = (params: object) => ({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { _meta: meta, ...params },
    });
    const order = { name: 'shop_get_order', arguments: { orderId: '1' } };
    const bodies: Record<(typeof PLACES)[number], unknown> = {
      body: value,
      id: { ...call(order), id: value },
      method: { ...call(order), method: value },
      params: { ...call(order), params: value },
      name: call({ ...order, name: value }),
      arguments: call({ ...order, arguments: value }),
      argument: call({ ...order, arguments: { orderId: value } }),
      cursor: { ...call({ cursor: value }), method: 'tools/list' },
      _meta: call({ ...order, _meta: value }),
      progressToken: call({ ...order, _meta: { ...meta, progressToken: value } }),
    };
    return JSON.stringify(bodies[place]);
  }

  const encoded = (text: string) =>
    /^[\x21-\x7e]{1,1000}$/.test(text) ? text : `=?base64?${Buffer.from(text.slice(0, 2000)).toString('base64')}?=`;
});

/** What the server says to these bytes before it closes or falls silent. */
function spoken(text: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connectTcp(Number(new URL(composer.url).port), '127.0.0.1', () => socket.write(text));
    socket.setTimeout(3_000, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
  });
}
