import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  PromptListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { type Fixture, startFixture } from '../../scripts/conformance/fixture/endpoint.mjs';
import { EventClient } from '../fixtures/event-client.js';
import { eventually } from '../fixtures/eventually.js';
import { openSession, send } from '../fixtures/mcp-clients.js';
import { SteppingMember } from '../fixtures/stepping-member.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

const WATCHED = 'old://watched-resource';
type Headers = Readonly<Record<string, string>>;

describe('sessions of the old era, with two composers on one Postgres', () => {
  let database: TwoRoles;
  let member: SteppingMember;
  let old: Fixture;
  let young: Fixture;
  let env: Record<string, string>;
  let first: ComposerProcess;
  let second: ComposerProcess;
  const opened: EventClient[] = [];

  beforeAll(async () => {
    [database, member, old, young] = await Promise.all([
      openTwoRoles(),
      SteppingMember.start(),
      startFixture({ era: 'legacy', scheme: 'old' }),
      startFixture({ era: 'modern', scheme: 'young' }),
    ]);
    const [port] = await freePorts(1);
    env = { ...database.env, COMPOSER_KEYS: `test:${randomBytes(32).toString('base64')}` };
    first = await startComposer({ env: { ...env, PORT: String(port) } });
    second = await startComposer({ env });
    for (const [id, endpoint] of [
      ['steps', member.url],
      ['old', old.url],
      ['young', young.url],
    ]) {
      expect((await first.api('POST', '/api/v1/servers', { id, type: 'http', endpoint })).status).toBe(201);
    }
    await eventually(async () => {
      const headers = await openSession(second.url);
      const { text } = await ask(second, headers, { id: 1, method: 'tools/list', params: {} });
      for (const name of ['steps_step', 'old_test_simple_text', 'young_test_simple_text']) expect(text).toContain(name);
    });
  }, 120_000);
  afterEach(() => {
    for (const stream of opened.splice(0)) stream.cut();
    member.answer('nobody waits for this');
  });
  afterAll(async () => {
    await Promise.all([first, second].map((composer) => composer?.stop()));
    await Promise.all([member, old, young].map((one) => one?.stop()));
    await database?.remove();
  }, 60_000);

  const ask = ({ url }: ComposerProcess, headers: Headers, body: object) =>
    send(url, { headers, body: JSON.stringify({ jsonrpc: '2.0', ...body }) });
  async function streamed({ url }: ComposerProcess, headers: Headers, body?: object): Promise<EventClient> {
    const stream = await EventClient.open(url, body ? { headers, body } : { method: 'GET', headers });
    opened.push(stream);
    return stream;
  }
  const resumed = (composer: ComposerProcess, headers: Headers, lastEventId: string) =>
    streamed(composer, { ...headers, 'last-event-id': lastEventId });
  /** Calls the tool that takes steps; gives its stream once the first step was told. */
  async function stepping(composer: ComposerProcess, headers: Headers, id: unknown = 7) {
    const params = { name: 'steps_step', arguments: {}, _meta: { progressToken: 'p' } };
    const open = member.open;
    const pending = streamed(composer, headers, { id, method: 'tools/call', params });
    await eventually(() => expect(member.open).toBe(open + 1));
    member.progress();
    const stream = await pending;
    await stream.event(({ json }) => json?.method === 'notifications/progress');
    return stream;
  }
  const isAnswer =
    (id: unknown = 7) =>
    ({ json }: { readonly json: { readonly id?: unknown } | undefined }) =>
      json?.id === id;

  it('give every event an id, and first of all one to come back with', async () => {
    const headers = await openSession(first.url);
    const stream = await stepping(first, headers);
    member.answer('done');
    await stream.ended();
    const { events } = stream;
    expect(events[0]).toMatchObject({ data: '', retry: '1000' });
    expect(events.map(({ json }) => json?.method ?? json?.id)).toEqual([undefined, 'notifications/progress', 7]);
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
  });

  it.each([
    ['2025-11-25', true, true],
    ['2025-06-18', true, false],
    ['2025-03-26', true, false],
    ['2024-11-05', false, false],
  ])('give clients of %s what they understand', async (protocolVersion, hasIds, isPrimed) => {
    const { headers: head } = await ask(
      first,
      { 'content-type': 'application/json' },
      {
        id: 0,
        method: 'initialize',
        params: { protocolVersion, capabilities: {}, clientInfo: { name: 'x', version: '1' } },
      },
    );
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': String(head['mcp-session-id']),
    };
    const stream = await stepping(first, headers);
    expect(stream.events.every(({ id }) => (id !== '') === hasIds)).toBe(true);
    expect(stream.events.some(({ data }) => data === '')).toBe(isPrimed);
  });

  describe.each([
    ['the same composer', () => first],
    ['another composer', () => second],
  ])('a call whose connection breaks, taken up at %s', (_, where) => {
    it('goes on, and gives the rest and the answer', async () => {
      const headers = await openSession(first.url);
      const stream = await stepping(first, headers);
      const { id } = stream.events.at(-1)!;
      stream.cut();
      member.progress();
      const rest = await resumed(where(), headers, id);
      await rest.event(({ json }) => json?.method === 'notifications/progress');
      member.progress();
      member.answer('done at last');
      const answer = await rest.event(isAnswer());
      expect(answer.json.result.content[0].text).toBe('done at last');
      await rest.ended();
      expect(rest.events.filter(({ json }) => json?.method === 'notifications/progress')).toHaveLength(2);
      expect((await resumed(where(), headers, answer.id)).status).toBe(204);
    });

    it('gives an answer that came while nobody was there', async () => {
      const headers = await openSession(first.url);
      const stream = await stepping(first, headers, 'seven');
      const { id } = stream.events[0]!;
      stream.cut();
      member.answer('nobody listens');
      await eventually(() => expect(member.open).toBe(0));
      const rest = await resumed(where(), headers, id);
      expect((await rest.event(isAnswer('seven'))).json.result.content[0].text).toBe('nobody listens');
    });
  });

  it('a call is taken up at another composer although its first connection has not broken', async () => {
    const headers = await openSession(first.url);
    const stream = await stepping(first, headers);
    const rest = await resumed(second, headers, stream.events[0]!.id);
    await rest.event(({ json }) => json?.method === 'notifications/progress');
    member.answer('for both');
    await rest.event(isAnswer());
  });

  it('let nobody take up a stream of another session, or with an id that was made up', async () => {
    const [own, foreign] = [await openSession(first.url), await openSession(first.url)];
    const { id } = (await stepping(first, own)).events[0]!;
    for (const composer of [first, second]) {
      expect((await resumed(composer, foreign, id)).status).toBe(400);
      expect((await resumed(composer, own, 'made-up.1')).status).toBe(400);
    }
  });

  it('end on all composers within two seconds, and the streams with them', async () => {
    const headers = await openSession(first.url);
    const listening = await streamed(second, headers);
    expect(listening.status).toBe(200);
    expect((await send(first.url, { method: 'DELETE', headers })).status).toBe(200);
    await listening.ended(2_000);
    expect((await ask(second, headers, { id: 1, method: 'ping' })).status).toBe(404);
    expect((await ask(first, headers, { id: 1, method: 'ping' })).status).toBe(404);
  });

  it('are over for a composer that hears of them for the first time', async () => {
    const headers = await openSession(first.url);
    await send(first.url, { method: 'DELETE', headers });
    expect((await ask(second, headers, { id: 1, method: 'ping' })).status).toBe(404);
  });

  it('cancel a call wherever it runs', async () => {
    const headers = await openSession(first.url);
    await ask(second, headers, { id: 1, method: 'ping' });
    const stream = await stepping(first, headers);
    const before = member.cancelled.length;
    const cancel = { method: 'notifications/cancelled', params: { requestId: 7 } };
    expect((await ask(second, headers, cancel)).status).toBe(202);
    await stream.ended();
    await eventually(() => expect(member.cancelled).toHaveLength(before + 1));
    expect(stream.events.some(isAnswer())).toBe(false);
  });

  it('take the answer to a question wherever it comes', async () => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: {} },
      clientInfo: { name: 'x', version: '1' },
    };
    const plain = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const { headers: head } = await ask(first, plain, { id: 0, method: 'initialize', params });
    const headers = { ...plain, 'mcp-session-id': String(head['mcp-session-id']) };
    const called = { name: 'young_test_input_required_result_elicitation', arguments: {} };
    const stream = await streamed(first, headers, { id: 7, method: 'tools/call', params: called });
    const question = await stream.event(({ json }) => json?.method === 'elicitation/create');
    const result = { action: 'accept', content: { name: 'Ann' } };
    expect((await ask(second, headers, { id: question.json.id, result })).status).toBe(202);
    expect((await stream.event(isAnswer())).data).toContain('Hello, Ann!');
  });

  it('hear at one composer of what they have subscribed to, and want to hear of the log, at another', async () => {
    const headers = await openSession(first.url);
    const listening = await streamed(second, headers);
    expect(
      (await ask(first, headers, { id: 1, method: 'resources/subscribe', params: { uri: WATCHED } })).json.result,
    ).toEqual({});
    await ask(first, headers, { id: 2, method: 'logging/setLevel', params: { level: 'error' } });
    const call = (name: string) => ({ id: 3, method: 'tools/call', params: { name, arguments: {} } });
    const hears = () =>
      eventually(async () => {
        await ask(first, headers, call('old_test_trigger_resource_change'));
        expect(listening.events.map(({ json }) => json?.params?.uri)).toContain(WATCHED);
      });
    await hears();
    await eventually(async () => {
      expect((await ask(second, headers, call('old_test_tool_with_logging'))).text).not.toContain(
        'notifications/message',
      );
    });
  });

  it('go on with the same id after the composer was killed, and hear of what has changed', async () => {
    const reconnectionOptions = {
      initialReconnectionDelay: 200,
      maxReconnectionDelay: 500,
      reconnectionDelayGrowFactor: 1.2,
      maxRetries: 200,
    };
    const transport = new V1Transport(new URL(first.mcpUrl), { reconnectionOptions });
    const client = new V1Client({ name: 'old', version: '1.0.0' });
    const heard: string[] = [];
    client.onerror = () => undefined;
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri));
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
    client.setNotificationHandler(PromptListChangedNotificationSchema, () => void heard.push('prompts'));
    await client.connect(transport);
    const trigger = (what: string) => client.callTool({ name: `old_test_trigger_${what}_change`, arguments: {} });
    try {
      await client.subscribeResource({ uri: WATCHED });
      await eventually(async () => {
        await trigger('resource');
        expect(heard).toContain(WATCHED);
      });
      const { sessionId } = transport;
      await first.kill('SIGKILL');
      heard.length = 0;
      // What the composer cannot hear of, because it is not there.
      const body = { id: 'more', type: 'http', endpoint: young.url };
      expect((await second.api('POST', '/api/v1/servers', body)).status).toBe(201);
      first = await startComposer({ env: { ...env, PORT: new URL(first.url).port } });
      await eventually(() => expect(heard).toEqual(expect.arrayContaining(['tools', WATCHED])), 20_000);
      heard.length = 0;
      await eventually(async () => {
        await trigger('resource');
        await trigger('prompt');
        expect(heard).toEqual(expect.arrayContaining(['prompts', WATCHED]));
      });
      expect(transport.sessionId).toBe(sessionId);
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('more_test_simple_text');
    } finally {
      await client.close();
    }
  }, 60_000);

  it('are told that a call is lost when the composer that carried it out is gone', async () => {
    const headers = await openSession(first.url);
    const stored = () => database.count("SELECT FROM session_records WHERE name LIKE 's/%/0%'");
    const before = await stored();
    const [broken, whole] = [await stepping(first, headers, 8), await stepping(first, headers, 9)];
    const ids = [broken, whole].map(({ events }) => events[0]!.id);
    broken.cut();
    await eventually(async () => expect(await stored()).toBe(before + 1));
    await first.kill('SIGKILL');
    const [one, other] = [await resumed(second, headers, ids[0]!), await resumed(second, headers, ids[1]!)];
    await one.event(({ json }) => json?.method === 'notifications/progress');
    const answer = await other.event(isAnswer(9));
    expect(answer.json.error).toMatchObject({ code: -32603, data: { code: 'COMPOSER_CALL_LOST' } });
    await other.ended();
    expect((await resumed(second, headers, answer.id)).status).toBe(204);
  }, 60_000);
});
