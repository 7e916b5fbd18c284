import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Fixture, startFixture } from '../../scripts/conformance/fixture/endpoint.mjs';
import { eventually } from '../fixtures/eventually.js';
import { type HttpAnswer, JSON_HEADERS, MODERN } from '../fixtures/mcp-clients.js';
import { TenantClient, commandLines, hostedEnv, keyCommand } from '../fixtures/tenant-client.js';
import { ask, shown } from '../fixtures/two-estates.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const TASKS = 'io.modelcontextprotocol/tasks';
const DECLARED = {
  elicitation: {},
  extensions: { [TASKS]: {}, 'io.modelcontextprotocol/oauth-client-credentials': {} },
};
const METHODS = ['tasks/get', 'tasks/update', 'tasks/cancel'] as const;

let database: TwoRoles;
let member: Fixture;
let composer: ComposerProcess;
let env: Record<string, string>;
const streams: AbortController[] = [];
let keys: Readonly<Record<'admin' | 'colleague' | 'stranger' | 'worker', string>>;

beforeAll(async () => {
  [database, member] = await Promise.all([openTwoRoles(), startFixture({ era: 'modern' })]);
  env = hostedEnv(database.env);
  const answers = await commandLines(env, [
    ['migrate'],
    ...['acme', 'globex'].map((slug) => ['tenant', 'create', slug]),
    keyCommand('acme', 'admin', 'admin'),
    keyCommand('acme', 'admin', 'colleague'),
    keyCommand('globex', 'admin', 'stranger'),
  ]);
  composer = await startComposer({ env });
  const [admin, colleague, stranger] = answers.slice(-3).map(({ key }) => key);
  for (const key of [admin, stranger]) await register(key, 'jobs');
  await open('worker', 'jobs_failing_job', 'jobs_confirm_delete');
  const principal = await made(admin, 'POST /principals', { name: 'worker', roles: ['worker'] });
  const { key: worker } = await made(admin, 'POST /api-keys', { principal: principal.id, name: 'worker' });
  keys = { admin, colleague, stranger, worker };

  async function open(role: string, ...tools: readonly string[]) {
    const permissions = { tools, servers: [], virtual_servers: [] };
    await made(admin, `PUT /roles/${role}`, { description: role, permissions });
  }
}, 180_000);

afterAll(async () => {
  for (const stream of streams) stream.abort();
  await Promise.all([composer?.stop(), member?.stop()]);
  await database?.remove();
}, 60_000);

async function made(key: string, route: string, body?: object) {
  const [method = '', path = ''] = route.split(' ');
  const answer = await new TenantClient(composer, key).api(method, path, body);
  expect([route, answer.status < 300, answer.text]).toEqual([route, true, expect.any(String)]);
  return answer.json;
}
const register = (key: string, id: string) =>
  made(key, 'POST /servers', { id, type: 'http', endpoint: member.url, health_check: { enabled: false } });

interface Asking {
  readonly key?: string;
  readonly path?: string;
  readonly capabilities?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

function requestOf(method: string, params: object, { capabilities = DECLARED, headers = {} }: Asking) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const { name, taskId } = params as { name?: string; taskId?: string };
  const named = name ?? taskId;
  const own = { 'mcp-protocol-version': MODERN, 'mcp-method': method, ...(named ? { 'mcp-name': named } : {}) };
  return {
    method: 'POST',
    headers: { ...JSON_HEADERS, ...own, ...headers },
    body: { jsonrpc: '2.0', id: 'ask-1', method, params: { _meta, ...params } },
  };
}

function rpc(method: string, params: object, asking: Asking = {}): Promise<HttpAnswer> {
  const { key = keys.admin, path = '/mcp' } = asking;
  return ask(composer.url, key, { path, ...requestOf(method, params, asking) });
}

async function makeTask(name: string, args: object = {}, asking: Asking = {}): Promise<string> {
  const { json } = await rpc('tools/call', { name: `jobs_${name}`, arguments: args }, asking);
  expect(json.result).toMatchObject({ resultType: 'task', taskId: expect.any(String) });
  return json.result.taskId;
}

const get = (taskId: string, asking?: Asking) => rpc('tasks/get', { taskId }, asking);
const NOT_FOUND = { code: -32602, message: 'Task not found' };

/** Opens a stream for these tasks; its messages come in one by one. */
async function listen(taskIds: readonly string[], key = keys.admin) {
  const { method, headers, body } = requestOf('subscriptions/listen', { notifications: { taskIds } }, {});
  const stop = new AbortController();
  streams.push(stop);
  const response = await fetch(`${composer.url}/mcp`, {
    method,
    headers: { ...headers, authorization: `Bearer ${key}` },
    body: JSON.stringify({ ...body, id: 'listen-1' }),
    signal: stop.signal,
  });
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read into it without declaring every shape
  const messages: any[] = [];
  const ended = (async () => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split('\n');
      text = lines.pop()!;
      for (const line of lines) if (line.startsWith('data: ')) messages.push(JSON.parse(line.slice(6)));
    }
  })().catch(() => undefined);
  return { messages, ended, close: () => stop.abort() };
}

describe('a task of a member', () => {
  it('is announced, and known to its caller by a handle instead of the member’s own id', async () => {
    const { json } = await rpc('server/discover', {});
    expect(json.result.capabilities.extensions).toEqual({ [TASKS]: {} });
    const taskId = await makeTask('confirm_delete', { filename: 'a.txt' });
    expect(taskId).toMatch(/^h1\.[\w.-]+$/);
    await eventually(async () => {
      const { result } = (await get(taskId)).json;
      expect(result).toMatchObject({ resultType: 'complete', taskId, status: 'input_required' });
      expect(result.inputRequests.confirm).toMatchObject({ method: 'elicitation/create' });
    });
    const inputResponses = { confirm: { action: 'accept', content: { confirm: true } } };
    const updated = (await rpc('tasks/update', { taskId, inputResponses })).json;
    expect(updated).toEqual({ jsonrpc: '2.0', id: 'ask-1', result: { resultType: 'complete' } });
    await eventually(async () => {
      const { result } = (await get(taskId)).json;
      expect(result).toMatchObject({ taskId, status: 'completed', result: { content: [{ text: 'deleted a.txt' }] } });
    });
    await eventually(async () => {
      const { items } = await made(keys.admin, 'GET /audit?limit=50');
      const seen = items.map(({ action, target }: { action: string; target: string }) => `${action} ${target}`);
      for (const action of ['task.read', 'task.updated']) expect(seen).toContain(`${action} task:jobs_confirm_delete`);
    });
  });

  it('is not there for anybody else, at no other address, and under no altered handle', async () => {
    const taskId = await makeTask('slow_compute', { seconds: 600 });
    const { result } = (await get(taskId)).json;
    expect(result).toMatchObject({ status: 'working' });
    const at = taskId.length - 9;
    const altered = taskId.slice(0, at) + (taskId[at] === 'A' ? 'B' : 'A') + taskId.slice(at + 1);
    const wrong: readonly (readonly [string, Asking])[] = [
      [taskId, { key: keys.colleague }],
      [taskId, { key: keys.stranger }],
      [taskId, { key: keys.worker }],
      [taskId, { path: '/mcp/jobs' }],
      [altered, {}],
      ['', {}],
      ['00000000-0000-4000-8000-000000000000', {}],
      ['h1.x.y', {}],
    ];
    for (const method of METHODS) {
      const nobodys = shown(await rpc(method, { taskId: 'nobody-has-given-this', inputResponses: {} }));
      expect(nobodys).toContain(JSON.stringify(NOT_FOUND));
      for (const [id, asking] of wrong) {
        const headers = { 'mcp-name': id };
        const answer = shown(await rpc(method, { taskId: id, inputResponses: {} }, { ...asking, headers }));
        expect([method, id, asking, answer]).toEqual([method, id, asking, nobodys]);
      }
    }
    for (const key of [keys.colleague, keys.stranger]) {
      const { messages, ended } = await listen([taskId], key);
      await ended;
      expect(messages[0].params.notifications).toEqual({});
    }
    expect((await get(taskId)).json.result).toMatchObject({ status: 'working' });
  });

  it('is for clients that say that they take tasks, and headers say what the body says', async () => {
    const missing = { code: -32021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } };
    const none = { capabilities: {} };
    for (const method of METHODS) {
      const { status, json } = await rpc(method, { taskId: 'any', inputResponses: {} }, none);
      expect([status, json]).toMatchObject([400, { id: 'ask-1', error: missing }]);
      const headers = { 'mcp-name': 'another' };
      expect((await rpc(method, { taskId: 'any' }, { headers })).json.error.code).toBe(-32020);
    }
    const listening = { notifications: { taskIds: ['any'] } };
    expect((await rpc('subscriptions/listen', listening, none)).json.error).toMatchObject(missing);
    const call = { name: 'jobs_failing_job', arguments: {} };
    expect((await rpc('tools/call', call, none)).json.error).toMatchObject(missing);
    for (const method of ['tasks/list', 'tasks/result']) {
      expect((await rpc(method, { taskId: 'any' })).json.error.code).toBe(-32601);
    }
  });

  it('is told of on the stream that asks for it, under its handle', async () => {
    const [mine, other] = [await makeTask('confirm_delete', { filename: 'b' }), await makeTask('multi_input')];
    const { messages, close } = await listen([mine, 'nobody-has-given-this']);
    await eventually(() => expect(messages).toHaveLength(1));
    const _meta = { 'io.modelcontextprotocol/subscriptionId': 'listen-1' };
    expect(messages[0].params).toEqual({ _meta, notifications: { taskIds: [mine] } });
    const later = await listen([mine, other]);
    await eventually(() => expect(later.messages).toHaveLength(1));
    await rpc('tasks/cancel', { taskId: other });
    await rpc('tasks/update', { taskId: mine, inputResponses: { confirm: { action: 'decline' } } });
    await eventually(() => expect(messages.at(-1).params.status).toBe('completed'));
    expect(messages.slice(1).map(({ method, params }) => [method, params.taskId])).toEqual(
      messages.slice(1).map(() => ['notifications/tasks', mine]),
    );
    expect(messages.at(-1).params).toMatchObject({ _meta, result: { content: [{ text: 'kept b' }] } });
    await eventually(() => {
      const ends = later.messages.slice(1).map(({ params }) => `${params.taskId} ${params.status}`);
      expect(ends).toEqual(expect.arrayContaining([`${mine} completed`, `${other} cancelled`]));
    });
    for (const one of [close, later.close]) one();
  });

  it('is followed to its end for a caller of the legacy era', async () => {
    const client = new TenantClient(composer, keys.admin);
    const session = await client.open();
    const call = async (name: string) => {
      const params = { name: `jobs_${name}`, arguments: {} };
      return (await client.legacy('tools/call', { session, params })).json;
    };
    expect((await call('failing_job')).result).toEqual({
      isError: true,
      content: [{ type: 'text', text: 'The job has failed.' }],
    });
    expect((await call('protocol_error_job')).error).toEqual({ code: -32603, message: 'The job broke.' });
    for (const method of METHODS) {
      const { json } = await client.legacy(method, { session, params: { taskId: 'any' } });
      expect(json.error.code).toBe(-32601);
    }
  });

  it('is still there after a restart, at another process', async () => {
    const taskId = await makeTask('slow_compute', { seconds: 600 });
    await composer.stop();
    composer = await startComposer({ env });
    await eventually(async () => expect((await get(taskId)).json.result).toMatchObject({ taskId, status: 'working' }));
    expect((await rpc('tasks/cancel', { taskId })).json.result).toMatchObject({ resultType: 'complete' });
    expect((await get(taskId)).json.result).toMatchObject({ taskId, status: 'cancelled' });
  }, 60_000);

  it('is there for as long as its tool is', async () => {
    const [worker, asking] = [keys.worker, { key: keys.worker }];
    const taskId = await makeTask('confirm_delete', { filename: 'c' }, asking);
    expect((await get(taskId, asking)).json.result).toMatchObject({ taskId });
    const stream = await listen([taskId], worker);
    const permissions = { tools: ['jobs_failing_job'], servers: [], virtual_servers: [] };
    await made(keys.admin, 'PUT /roles/worker', { description: 'less', permissions });
    await eventually(async () => expect((await get(taskId, asking)).json.error).toMatchObject(NOT_FOUND));
    stream.close();

    const mine = await makeTask('slow_compute', { seconds: 600 });
    const watching = await listen([mine]);
    await made(keys.admin, 'DELETE /servers/jobs');
    await eventually(async () => expect((await get(mine)).json.error).toMatchObject(NOT_FOUND));
    await watching.ended;
    expect(watching.messages.at(-1)).toMatchObject({ id: 'listen-1', result: { resultType: 'complete' } });
    await register(keys.admin, 'jobs');
    expect((await get(mine)).json.result).toMatchObject({ taskId: mine, status: 'working' });
  });
});
