import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type McpOrigin, eventStream, mcpOrigin } from '../../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import type { ClientFacts, ClientFlag } from '../client-facts.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import type { Member, RunningCall } from '../member.js';
import { TASKS_EXTENSION } from './extensions.js';
import { META_CAPABILITIES, META_VERSION, MODERN_VERSION } from './mcp-protocol.js';

interface Params {
  readonly notifications?: { readonly taskIds?: readonly string[] };
  readonly _meta?: { readonly [META_CAPABILITIES]?: { readonly extensions?: object } };
}
interface Listener {
  readonly send: (message: object) => void;
  readonly response: ServerResponse;
  readonly taskIds: readonly string[];
}

const acme = tenantId('acme');
const ann = principalId('ann');
const CAPABILITIES = { tools: {}, extensions: { [TASKS_EXTENSION]: {} } };
const REQUIRED = { requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } };
const TASK = { resultType: 'task', taskId: 't-1', status: 'working', pollIntervalMs: 100 };

describe('tasks at a member', () => {
  let opened: OpenPool;
  let crm: McpOrigin;
  let member: Member;
  let streams: Listener[];
  /** What it answers to a request about a task. */
  let state: object;
  /** It answers with a task whatever the caller has said. */
  let isRude: boolean;

  beforeEach(async () => {
    [streams, state, isRude] = [
      [],
      { status: 'completed', result: { content: [{ type: 'text', text: 'done' }] } },
      false,
    ];
    crm = await mcpOrigin('echo');
    crm.intercept = (message, response) => {
      const { id, method } = message;
      const params = message.params as Params | undefined;
      const answer = (more: object) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, ...more }));
        return true;
      };
      if (method === 'server/discover')
        return answer({ result: { supportedVersions: [MODERN_VERSION], capabilities: CAPABILITIES } });
      if (method === 'tools/list') return answer({ result: { tools: [{ name: 'echo', inputSchema: {} }] } });
      if (method === 'subscriptions/listen') return listen(params?.notifications?.taskIds ?? [], response);
      if (!isRude && !params?._meta?.[META_CAPABILITIES]?.extensions)
        return answer({ error: { code: -32021, message: 'missing', data: REQUIRED } });
      return answer({ result: method === 'tools/call' ? TASK : { resultType: 'complete', taskId: 't-1', ...state } });
    };
    opened = await openPool({ speed: 5 });
    const config = {
      id: 'crm',
      type: 'http',
      endpoint: `${crm.url}/mcp`,
      timeout: 2,
      health_check: { enabled: false },
    };
    await opened.registry.register(acme, config, { by: SYSTEM });
    member = opened.pool.find({ tenantId: acme, serverId: serverId('crm') })!.member!;
  });
  afterEach(async () => {
    await opened.close();
    await crm.close();
  });

  function listen(taskIds: readonly string[], response: ServerResponse): true {
    const send = eventStream(response);
    streams.push({ send, response, taskIds });
    const granted = taskIds.filter((id) => id !== 'unknown');
    send({ method: 'notifications/subscriptions/acknowledged', params: { notifications: { taskIds: granted } } });
    for (const taskId of granted) send({ method: 'notifications/tasks', params: { taskId, status: 'working' } });
    return true;
  }

  function call(client: ClientFacts): { readonly reply: RecordingReply; readonly running: RunningCall } {
    const reply = new RecordingReply();
    const extensions = client.capabilities.includes('extensions.tasks') ? { [TASKS_EXTENSION]: {} } : undefined;
    const _meta = { [META_VERSION]: MODERN_VERSION, [META_CAPABILITIES]: extensions ? { extensions } : {} };
    const params = { name: 'crm_echo', ...(client.era === 'modern' ? { _meta } : {}) };
    const text = JSON.stringify({ jsonrpc: '2.0', id: 'caller-1', method: 'tools/call', params });
    const asked = { method: 'tools/call', target: 'echo', message: parseMessage(Buffer.from(text)), client } as const;
    return { reply, running: member.request({ ...asked, headers: {}, principalId: ann }, reply) };
  }
  const modern = (...flags: ClientFlag[]) => clientOf('modern', ...flags);
  const methods = () => crm.methods().filter((method) => method.startsWith('t') && method !== 'tools/list');
  const headersOf = (method: string) => crm.asked.find(({ message }) => message?.method === method)?.headers;

  it('go to callers who take them as they are', async () => {
    const { reply } = call(modern('extensions.tasks'));
    expect(await reply.answered).toMatchObject({ result: TASK });
  });

  it('are refused to callers of the modern era who have not said that they take them', async () => {
    expect((await call(modern()).reply.answered).error?.code).toBe(-32021);
    isRude = true;
    const { reply } = call(modern());
    reply.takesPieces = false;
    expect((await reply.answered).error?.code).toBe(-32021);
    expect(methods()).toEqual(['tools/call', 'tools/call']);
  });

  it('are followed for a caller of the legacy era, whom the member has refused without them', async () => {
    const { reply } = call(clientOf('legacy'));
    expect(await reply.answered).toEqual({
      jsonrpc: '2.0',
      id: 'caller-1',
      result: { content: [{ type: 'text', text: 'done' }] },
    });
    expect(methods()).toEqual(['tools/call', 'tools/call', 'tasks/get']);
    expect(headersOf('tasks/get')).toMatchObject({ 'mcp-method': 'tasks/get', 'mcp-name': 't-1' });
  });

  it('are followed, too, where a member makes one without having been told that it may', async () => {
    isRude = true;
    const { reply } = call(clientOf('legacy'));
    expect((await reply.answered).result?.content?.[0]?.text).toBe('done');
    const asked = crm.asked.find(({ message }) => message?.method === 'tasks/get')?.message?.params as Params;
    expect(asked._meta?.[META_CAPABILITIES]).toEqual({ extensions: { [TASKS_EXTENSION]: {} } });
  });

  it('are cancelled when the caller of the legacy era does not want the result any more, or the time is over', async () => {
    state = { status: 'working' };
    const { running } = call(clientOf('legacy'));
    await until(() => methods().includes('tasks/get'), 'a task that is asked for');
    running.cancel();
    await until(() => methods().includes('tasks/cancel'), 'a task that is cancelled');
    expect(headersOf('tasks/cancel')).toMatchObject({ 'mcp-name': 't-1' });

    const { reply } = call(clientOf('legacy'));
    expect((await reply.answered).failure).toContain('COMPOSER_MEMBER_TIMEOUT');
    await until(() => methods().filter((one) => one === 'tasks/cancel').length === 2, 'another one that is cancelled');
  });

  describe('are told of', () => {
    const watch = async (id: string) => {
      const heard: string[] = [];
      const stop = await member.watchTask(
        { id, tool: 'echo', as: ann },
        {
          changed: (notification) => heard.push(JSON.parse(notification.toString()).params.status),
          lost: () => heard.push('lost'),
        },
      );
      return { heard, stop };
    };
    const changed = (at: number, taskId: string) =>
      streams[at]!.send({ method: 'notifications/tasks', params: { taskId, status: 'completed' } });

    it('to whoever watches them, and from the first word on', async () => {
      const { heard, stop } = await watch('t-1');
      expect(heard).toEqual(['working']);
      changed(0, 't-2');
      changed(0, 't-1');
      await until(() => heard.length === 2, 'a change');
      expect(heard).toEqual(['working', 'completed']);
      stop();
      await until(() => streams[0]!.response.closed, 'the end of a stream that nobody wants');
    });

    it('on one stream for all, which is there before the one without the new task is closed', async () => {
      const one = await watch('t-1');
      const [two, same] = await Promise.all([watch('t-2'), watch('t-1')]);
      await until(() => streams[0]!.response.closed, 'the end of the first stream');
      expect(streams.map(({ taskIds }) => taskIds)).toEqual([['t-1'], ['t-1', 't-2']]);
      changed(1, 't-1');
      await until(() => one.heard.includes('completed') && same.heard.includes('completed'), 'a change');
      expect(two.heard).toEqual(['working']);
    });

    it('unless the member does not tell of them', async () => {
      await expect(watch('unknown')).rejects.toThrow('does not tell of this task');
      await until(() => streams[0]!.response.closed, 'the end of a stream that nobody wants');
    });

    it('no more once the stream has broken, or the credential is another one', async () => {
      const one = await watch('t-1');
      streams[0]!.response.end();
      await until(() => one.heard.includes('lost'), 'the news of the end');
      const two = await watch('t-1');
      member.forgetCredentials();
      await until(() => two.heard.includes('lost') && streams[1]!.response.closed, 'the end of the second stream');
      expect(one.heard).toEqual(['working', 'lost']);
    });
  });
});
