import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { Log, SecretValues } from '#observability';
import { until } from '#persistence/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inProcess } from './in-process.js';
import { serveStdio } from './stdio-server.js';

interface Post {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly response: ServerResponse;
}

const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const INITIALIZE = { id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25' } };
const EVENTS = { 'content-type': 'text/event-stream' };
const JSON_BODY = { 'content-type': 'application/json' };

describe('a client over stdio', () => {
  let server: Server;
  let posts: Post[];
  let input: PassThrough;
  let output: PassThrough;
  let written: string;
  let stop: AbortController;
  let served: Promise<void>;
  /** What the endpoint answers; the default answers a request with its method. */
  let answer: (post: Post) => void;

  beforeEach(() => {
    [posts, input, output, written, stop] = [[], new PassThrough(), new PassThrough(), '', new AbortController()];
    output.setEncoding('utf8').on('data', (text: string) => (written += text));
    answer = byDefault;
    server = new Server((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', headers } = request;
        const post = { method, headers, body: Buffer.concat(chunks).toString(), response };
        posts.push(post);
        answer(post);
      });
    });
    served = serveStdio({
      input,
      output,
      signal: stop.signal,
      send: inProcess(server),
      path: '/mcp',
      headers: { host: 'localhost', authorization: 'Bearer mcpc_test' },
      log: Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined),
    });
  });
  afterEach(async () => {
    stop.abort();
    await served;
    server.closeAllConnections();
  });

  let sessions = 0;
  function byDefault({ method, body, response }: Post): void {
    if (method === 'GET') return void response.writeHead(200, EVENTS).write(': here\n\n');
    const message = JSON.parse(body || '{}') as { id?: unknown; method?: string };
    if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end();
    const isFirst = message.method === 'initialize';
    const result = isFirst ? { protocolVersion: '2025-11-25' } : { of: message.method };
    const session = isFirst ? { 'mcp-session-id': `session-${++sessions}` } : {};
    response.writeHead(200, { ...JSON_BODY, ...session });
    response.end(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},\n"result":${JSON.stringify(result)}}`);
  }

  const say = (...messages: readonly object[]) =>
    input.write(messages.map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`).join(''));
  const lines = () => written.split('\n').slice(0, -1);
  const messages = () => lines().map((line) => JSON.parse(line) as Record<string, never>);
  const wrote = (count: number) => until(() => lines().length >= count, `${count} lines`);
  const posted = (method: string) => posts.filter(({ body }) => body.includes(`"method":"${method}"`));
  const streams = () => posts.filter(({ method }) => method === 'GET');
  async function begin(): Promise<string> {
    say(INITIALIZE, { method: 'notifications/initialized' });
    await until(() => streams().length === 1, 'the stream of what changes');
    return `session-${sessions}`;
  }

  it('has a session of the legacy era, and every message one line', async () => {
    const session = await begin();
    input.write('{"jsonrpc":"2.0","id":"ä 1",\r\n');
    say({ id: 'never mind' }); // what stands on two lines is no message
    say({ id: 12345678901, method: 'tools/list' });
    await wrote(4);
    expect(messages()[0]).toMatchObject({ id: 0, result: { protocolVersion: '2025-11-25' } });
    expect(messages().slice(1, 3)).toMatchObject([{ error: { code: -32700 } }, { error: { code: -32600 } }]);
    expect(lines()[3]).toBe('{"jsonrpc":"2.0","id":12345678901, "result":{"of":"tools/list"}}');
    const { headers } = posted('tools/list')[0]!;
    expect(headers).toMatchObject({ 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' });
    expect(posts.every((post) => post.headers.authorization === 'Bearer mcpc_test')).toBe(true);
  });

  it('gets what comes on every stream, and answers what it is asked there', async () => {
    await begin();
    streams()[0]!.response.write('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n');
    answer = (post) => {
      if (!post.body.includes('tools/call')) return byDefault(post);
      post.response.writeHead(200, EVENTS).write('data: {"jsonrpc":"2.0","id":"q","method":"roots/list"}\n\n');
    };
    say({ id: 1, method: 'tools/call', params: { name: 'x' } });
    await wrote(3);
    say({ id: 'q', result: { roots: [] } });
    await until(() => posts.at(-1)!.body.includes('"roots":[]'), 'the answer');
    posted('tools/call')[0]!.response.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
    await wrote(4);
    expect(messages().map(({ method, id }) => method ?? id)).toEqual([
      0,
      'notifications/tools/list_changed',
      'roots/list',
      1,
    ]);
  });

  it('speaks the modern era with headers that say what its messages say', async () => {
    say({ id: 1, method: 'tools/call', params: { name: 'größe', _meta: MODERN } });
    await wrote(1);
    expect(posts[0]!.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': `=?base64?${Buffer.from('größe').toString('base64')}?=`,
    });
    expect(posts[0]!.headers).not.toHaveProperty('mcp-session-id');
  });

  it.each(['tasks/get', 'tasks/update', 'tasks/cancel'])('names the task that %s is about', async (method) => {
    say({ id: 1, method, params: { taskId: 'handle', _meta: MODERN } });
    await wrote(1);
    expect(posts[0]!.headers).toMatchObject({ 'mcp-method': method, 'mcp-name': 'handle' });
  });

  it('calls tools in the modern era that want arguments repeated in headers, of which it knows nothing', async () => {
    const region = { type: 'string', 'x-mcp-header': 'Region' };
    const pages = [
      { tools: [{ name: 'other' }], nextCursor: 'more' },
      { tools: [{ name: 'where', inputSchema: { type: 'object', properties: { region } } }] },
    ];
    answer = (post) => {
      const { id, method, params } = JSON.parse(post.body) as { id: unknown; method: string; params: never };
      const { cursor, name } = params as { cursor?: string; name?: string };
      const isRefused = method === 'tools/call' && post.headers['mcp-param-region'] === undefined;
      const result = method === 'tools/list' ? pages[cursor ? 1 : 0] : { of: name };
      const said = isRefused || name === 'none' ? { error: { code: -32020, message: 'no' } } : { result };
      post.response.writeHead('error' in said ? 400 : 200, JSON_BODY);
      post.response.end(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
    };
    const call = (id: number, name: string, place: string) =>
      say({ id, method: 'tools/call', params: { name, arguments: { region: place }, _meta: MODERN } });
    call(1, 'where', 'Köln');
    await until(() => messages().length === 1, 'the answer');
    call(2, 'where', 'Bonn');
    await until(() => messages().length === 2, 'the other answer');
    expect(messages().map(({ result }) => result)).toEqual([{ of: 'where' }, { of: 'where' }]);
    expect(posts.map(({ headers }) => [headers['mcp-method'], headers['mcp-param-region']])).toEqual([
      ['tools/call', undefined],
      ['tools/list', undefined],
      ['tools/list', undefined],
      ['tools/call', '=?base64?S8O2bG4=?='],
      ['tools/call', 'Bonn'],
    ]);
    call(3, 'none', 'Bonn');
    await until(() => messages().length === 3, 'the refusal');
    expect(messages()[2]).toMatchObject({ id: 3, error: { code: -32020 } });
  });

  it('cancels in the modern era by a notification, which ends the stream and is not answered', async () => {
    answer = ({ response }) => response.writeHead(200, EVENTS).flushHeaders();
    say({ id: 7, method: 'tools/call', params: { name: 'x', _meta: MODERN } });
    await until(() => posts.length === 1, 'the call');
    say({ method: 'notifications/cancelled', params: { requestId: 7 } });
    await until(() => posts[0]!.response.closed, 'the end of the stream');
    answer = byDefault;
    say({ id: 7, method: 'server/discover', params: { _meta: MODERN } });
    await wrote(1);
    expect(messages()).toEqual([{ jsonrpc: '2.0', id: 7, result: { of: 'server/discover' } }]);
    expect(posted('notifications/cancelled')).toEqual([]);
  });

  it('cancels in the legacy era in the session, and is told nothing when the stream ends', async () => {
    await begin();
    answer = (post) => (post.body.includes('tools/call') ? post.response.writeHead(200, EVENTS) : byDefault(post));
    say({ id: 7, method: 'tools/call' }, { method: 'notifications/cancelled', params: { requestId: 7 } });
    await until(() => posted('notifications/cancelled').length === 1, 'the cancellation');
    posted('tools/call')[0]!.response.end();
    say({ id: 8, method: 'ping' });
    await wrote(2);
    expect(messages().map(({ id }) => id)).toEqual([0, 8]);
  });

  it('is told when there is no answer, of a subscription that it is over', async () => {
    answer = ({ response }) => response.writeHead(200, EVENTS).end();
    say({ id: 'a', method: 'tools/call', params: { name: 'x', _meta: MODERN } });
    await wrote(1);
    say({ id: 'b', method: 'subscriptions/listen', params: { _meta: MODERN } });
    await wrote(2);
    expect(messages()).toMatchObject([
      { id: 'a', error: { code: -32603 } },
      { method: 'notifications/cancelled', params: { requestId: 'b' } },
    ]);
  });

  it('gets refusals that name no request as the answer to its own', async () => {
    answer = ({ response }) => {
      response.writeHead(401, JSON_BODY).end('{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"}}');
    };
    say({ id: 'mine', method: 'tools/list' });
    await wrote(1);
    expect(messages()).toEqual([{ id: 'mine', jsonrpc: '2.0', error: { code: -32000, message: 'no' } }]);
  });

  it('goes on when its session has ended, with what it has subscribed to and set', async () => {
    const first = await begin();
    say(
      { id: 1, method: 'resources/subscribe', params: { uri: 'note://1' } },
      { id: 2, method: 'resources/subscribe', params: { uri: 'note://2' } },
      { id: 3, method: 'logging/setLevel', params: { level: 'error' } },
    );
    await wrote(4);
    say({ id: 4, method: 'resources/unsubscribe', params: { uri: 'note://2' } });
    await wrote(5);
    const count = posts.length;
    answer = (post) =>
      post.headers['mcp-session-id'] === first ? void post.response.writeHead(404).end() : byDefault(post);
    say({ id: 5, method: 'tools/list' }, { id: 6, method: 'prompts/list' });
    await wrote(7);
    expect(messages().slice(5)).toMatchObject([{ id: expect.any(Number) }, { id: expect.any(Number) }]);
    const again = posts.slice(count).flatMap(({ body }) => (/"method":"([^"]+)"/.exec(body) ?? []).slice(1));
    expect(again.filter((method) => method === 'initialize')).toHaveLength(1);
    expect(again).toEqual(expect.arrayContaining(['notifications/initialized', 'logging/setLevel']));
    expect(
      posts
        .slice(count)
        .filter(({ body }) => body.includes('note://'))
        .map(({ body }) => body),
    ).toEqual([expect.stringContaining('note://1')]);
    await until(() => streams().length === 2, 'another stream');
  });

  it('opens the stream of what changes again when it breaks', async () => {
    await begin();
    streams()[0]!.response.end();
    await until(() => streams().length === 2, 'another stream');
  });

  it('is answered what it has asked before its end, and then everything is over', async () => {
    await begin();
    let late: Post | undefined;
    answer = (post) => (post.body.includes('tools/call') ? void (late = post) : byDefault(post));
    say({ id: 1, method: 'tools/call' });
    await until(() => late !== undefined, 'the call');
    input.end();
    byDefault(late!);
    await served;
    expect(messages().at(-1)).toMatchObject({ id: 1 });
    expect(posts.at(-1)).toMatchObject({ method: 'DELETE' });
    expect(streams()[0]!.response.destroyed).toBe(true);
  });

  it.each([
    ['is told to stop', () => stop.abort()],
    ['has gone', () => output.destroy(new Error('EPIPE'))],
  ])('is not waited for when it %s', async (_, end) => {
    answer = ({ response }) => response.writeHead(200, EVENTS).flushHeaders();
    say({ id: 1, method: 'tools/call', params: { name: 'x', _meta: MODERN } });
    await until(() => posts.length === 1, 'the call');
    end();
    await served;
    await until(() => posts[0]!.response.closed, 'the end of the stream');
  });
});
