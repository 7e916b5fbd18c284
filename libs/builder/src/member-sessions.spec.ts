import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { ConsentRequiredError } from '#auth';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../testing/client-of.js';
import { type GuardedMember, type SeenRequest, startGuardedMember } from '../testing/guarded-member.js';
import { eventStream, mcpOrigin } from '../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../testing/open-pool.js';
import { RecordingReply } from '../testing/recording-reply.js';
import { RotatingStrategy } from '../testing/rotating-strategy.js';
import { sseOrigin } from '../testing/sse-origin.js';
import { parseMessage } from './json-rpc/json-rpc-message.js';

const BY = { by: SYSTEM };
const crm = { tenantId: tenantId('acme'), serverId: serverId('crm') };

describe.each([
  ['http', 'callers that cannot be asked', []],
  ['http', 'callers that can be asked', ['roots']],
  ['sse', 'callers that cannot be asked', []],
  ['sse', 'callers that can be asked', ['roots']],
] as const)('sessions with a member of type %s, of %s', (kind, _, flags) => {
  let member: GuardedMember;
  let strategy: RotatingStrategy;
  let opened: OpenPool;

  beforeEach(async () => {
    member = await startGuardedMember(kind);
    strategy = new RotatingStrategy();
    opened = await openPool({ strategies: [strategy], speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    await member.close();
  });

  const register = (more: object) => opened.registry.register(crm.tenantId, member.config('crm', more), BY);
  async function call(by: string): Promise<void> {
    const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'greet', arguments: { name: by } } };
    const message = parseMessage(Buffer.from(JSON.stringify(request)));
    const reply = new RecordingReply();
    const asked = {
      method: 'tools/call',
      target: 'greet',
      message,
      client: clientOf('legacy', ...flags),
      headers: {},
    } as const;
    opened.pool.find(crm)!.member!.request({ ...asked, principalId: principalId(by) }, reply);
    expect((await reply.answered).result?.content?.[0]?.text).toBe(`Hello, ${by}!`);
  }
  const tokenOf = ({ headers }: SeenRequest) => String(headers.authorization).replace('Bearer ', '');
  const sessionOf = ({ url, headers }: SeenRequest) =>
    new URL(url, member.url).searchParams.get('sessionId') ?? String(headers['mcp-session-id']);
  /** The tokens that were sent in each session. */
  const usedIn = () => {
    const sessions = new Map<string, Set<string>>();
    for (const seen of member.calls()) {
      sessions.set(sessionOf(seen), (sessions.get(sessionOf(seen)) ?? new Set()).add(tokenOf(seen)));
    }
    return [...sessions.values()].map((tokens) => [...tokens]);
  };

  it('goes on in one session when its credential was renewed, and not when another account was connected', async () => {
    strategy.connectAs('all', 'first account');
    await register({ auth_strategy: 'rotating' });
    await call('ann');
    member.guard = (request) => (tokenOf(request) === 'all-1' ? { status: 401 } : undefined);
    await call('ann');
    member.guard = () => undefined;
    strategy.connectAs('all', 'second account');
    opened.pool.noteCredentialsChanged(crm.tenantId, crm.serverId);
    await call('ann');
    expect(usedIn()).toEqual([['all-1', 'all-2'], ['all-3']]);
  });

  it('has one for each principal where a tool alone has a credential for each', async () => {
    for (const by of ['ann', 'bob']) strategy.connectAs(by, `account of ${by}`);
    const tool_auth = { greet: { auth_strategy: 'rotating', auth: { per_user: true } } };
    await register({ auth_strategy: 'none', tool_auth });
    for (const by of ['ann', 'bob', 'ann']) await call(by);
    expect(usedIn()).toEqual([['ann-1'], ['bob-1']]);
  });
});

describe('a stream on which a member speaks without being asked', () => {
  let strategy: RotatingStrategy;
  let opened: OpenPool;
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    strategy = new RotatingStrategy();
    strategy.connectAs('all', 'first account');
    opened = await openPool({ strategies: [strategy], speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    for (const close of closers.splice(0)) await close();
  });

  const register = (config: object) =>
    opened.registry.register(
      crm.tenantId,
      { id: 'crm', auth_strategy: 'rotating', health_check: { enabled: false }, ...config },
      BY,
    );
  async function call(): Promise<void> {
    const reply = new RecordingReply();
    const message = parseMessage(
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'),
    );
    const asked = { method: 'tools/call', target: 'echo', message, client: clientOf('legacy', 'roots') } as const;
    opened.pool.find(crm)!.member!.request({ ...asked, headers: {}, principalId: principalId('ann') }, reply);
    expect((await reply.answered).result).toBeDefined();
  }
  const tellNews = () => opened.pool.noteCredentialsChanged(crm.tenantId, crm.serverId);

  it('outlives the news of other credentials over Streamable HTTP, and not the account that opened it', async () => {
    const origin = await mcpOrigin('echo');
    closers.push(() => origin.close());
    origin.facts = { capabilities: { tools: { listChanged: true } } };
    const streams: ServerResponse[] = [];
    origin.onListen = (response) => {
      eventStream(response);
      streams.push(response);
    };
    await register({ type: 'http', endpoint: `${origin.url}/mcp` });
    opened.pool.find(crm)!.member!.listen(true);
    await until(() => streams.length === 1, 'the stream');
    const asked = strategy.asked.length;
    tellNews();
    await until(() => strategy.asked.length > asked, 'the credential to be looked at');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect([streams.length, streams[0]!.destroyed]).toEqual([1, false]);
    strategy.connectAs('all', 'second account');
    tellNews();
    await until(() => streams.length === 2 && streams[0]!.destroyed, 'another stream');
  });

  it('is closed in a session in which callers are asked when another account is connected', async () => {
    const origin = await mcpOrigin('echo');
    closers.push(() => origin.close());
    const streams: ServerResponse[] = [];
    origin.onListen = (response) => {
      eventStream(response);
      streams.push(response);
    };
    await register({ type: 'http', endpoint: `${origin.url}/mcp` });
    await call();
    expect([streams.length, streams[0]!.destroyed]).toEqual([1, false]);
    strategy.connectAs('all', 'second account');
    tellNews();
    await until(() => streams[0]!.destroyed, 'the end of the stream');
    await call();
    expect(streams).toHaveLength(2);
  });

  it('is closed over HTTP+SSE also where it is kept for the next call of somebody who can be asked', async () => {
    const origin = await sseOrigin('echo');
    closers.push(() => origin.close());
    await register({ type: 'sse', endpoint: `${origin.url}/sse` });
    await call();
    expect(origin.streams).toHaveLength(2);
    strategy.fault = new ConsentRequiredError(crm.serverId, 'http://composer.example/connect/crm');
    tellNews();
    await until(() => origin.streams.length === 0, 'the end of the streams');
  });

  it('is closed over HTTP+SSE when the consent that it was opened with is withdrawn', async () => {
    const origin = await sseOrigin('echo');
    closers.push(() => origin.close());
    await register({ type: 'sse', endpoint: `${origin.url}/sse` });
    tellNews();
    await until(() => strategy.asked.length > 1, 'the credential to be looked at');
    expect(origin.streams).toHaveLength(1);
    strategy.fault = new ConsentRequiredError(crm.serverId, 'http://composer.example/connect/crm');
    tellNews();
    await until(() => origin.streams.length === 0, 'the end of the stream');
  });
});
