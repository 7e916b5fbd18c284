import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AskedReply } from '../../testing/asked-reply.js';
import { clientOf } from '../../testing/client-of.js';
import { type McpOrigin, type Sent, eventStream, mcpOrigin } from '../../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { CLIENT_FLAGS, type ClientFlag, declarationOf } from '../client-facts.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import type { ForwardedMethod, RunningCall } from '../member.js';

const acme = tenantId('acme');
const crm = { tenantId: acme, serverId: serverId('crm') };
const FORM = { method: 'elicitation/create', params: { message: 'Your name?', requestedSchema: {} } };
const SAMPLING = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } };
const ROOTS = { method: 'roots/list' };

/** One call that a member has under way, and what it says on the stream of its answer. */
interface UnderWay {
  readonly session: string;
  readonly say: (message: object) => void;
  readonly write: (bytes: string) => void;
  readonly finish: (text?: string) => void;
}

describe('what a member over Streamable HTTP asks within a call', () => {
  let origin: McpOrigin;
  let opened: OpenPool;
  let started: { readonly running: RunningCall }[];
  let underWay: UnderWay[];
  /** The streams of GET, by session. */
  let listening: Map<string, (message: object) => void>;

  beforeEach(async () => {
    origin = await mcpOrigin('echo');
    opened = await openPool({ speed: 5 });
    [started, underWay, listening] = [[], [], new Map()];
    origin.intercept = (message, response) => {
      if (!['tools/call', 'prompts/get', 'resources/read', 'completion/complete'].includes(message.method!))
        return false;
      begin(message, response);
      return true;
    };
    origin.onListen = (response, session) => void listening.set(session, eventStream(response));
  });
  afterEach(async () => {
    for (const { running } of started) running.cancel();
    await opened.close();
    await origin.close();
  });

  function begin({ id }: Sent, response: ServerResponse): void {
    const say = eventStream(response);
    underWay.push({
      session: String(origin.asked.at(-1)!.headers['mcp-session-id']),
      say,
      write: (bytes) => void response.write(bytes),
      finish: (text = 'done') => {
        say({ id, result: { content: [{ type: 'text', text }] } });
        response.end();
      },
    });
  }

  const register = (more: object = {}) =>
    opened.registry.register(
      acme,
      { id: 'crm', type: 'http', endpoint: `${origin.url}/mcp`, timeout: 5, health_check: { enabled: false }, ...more },
      { by: SYSTEM },
    );

  function start(flags: readonly ClientFlag[], method: ForwardedMethod = 'tools/call', caller = 'ann') {
    const reply = new AskedReply();
    const params = { name: 'echo', uri: 'x://y', ref: { type: 'ref/prompt', name: 'echo' } };
    const request = { jsonrpc: '2.0', id: 1, method, params };
    const running = opened.pool.find(crm)!.member!.request(
      {
        method,
        target: 'echo',
        message: parseMessage(Buffer.from(JSON.stringify(request))),
        client: clientOf('legacy', ...flags),
        headers: { 'x-of-caller': caller },
        principalId: principalId(caller),
      },
      reply,
    );
    const one = Object.assign(reply, { running });
    started.push(one);
    return one;
  }
  async function call(...args: Parameters<typeof start>) {
    const before = underWay.length;
    const reply = start(...args);
    await until(() => underWay.length > before, 'the call');
    return { reply, at: underWay.at(-1)! };
  }
  /** What the composer has answered to the member's questions, as it came. */
  const answers = () => origin.asked.filter(({ message }) => message && message.method === undefined);
  const answered = async (count = 1) => {
    await until(() => answers().length >= count, 'the answer');
    return answers().map(({ text }) => text);
  };
  const declared = () =>
    origin.asked.flatMap(({ message }) => {
      const { params } = (message ?? {}) as { params?: { capabilities?: object } };
      return message?.method === 'initialize' ? [params?.capabilities] : [];
    });
  const asked = (reply: AskedReply, count = 1) => until(() => reply.asked.length >= count, 'the question');

  it.each<ForwardedMethod>(['tools/call', 'prompts/get', 'resources/read', 'completion/complete'])(
    'goes to the caller with the name of the member, and the answer to the member under its id as it wrote it: %s',
    async (method) => {
      await register({ forward_headers: ['x-of-caller'] });
      const { reply, at } = await call(['elicitation.form'], method);
      at.write(`data: {"jsonrpc":"2.0","id":12345678901234567890.50,${JSON.stringify(FORM).slice(1)}\n\n`);
      await asked(reply);
      expect(reply.asked[0]!.params).toMatchObject({ message: 'Server "crm" asks: Your name?' });
      reply.takers[0]!({ result: Buffer.from('{"action":"accept","content":{"n":1.00}}') });
      expect(await answered()).toEqual([
        '{"jsonrpc":"2.0","id":12345678901234567890.50,"result":{"action":"accept","content":{"n":1.00}}}',
      ]);
      expect(answers()[0]!.headers).toMatchObject({ 'mcp-session-id': at.session, 'x-of-caller': 'ann' });
      at.finish();
      expect((await reply.answered).result).toBeDefined();
      expect(reply.withdrawn).toBe(0);
    },
  );

  it('is declared as the caller has declared it, and everything for the composer’s own questions', async () => {
    await register();
    for (const flags of [[], ['roots'], ['elicitation.url', 'sampling', 'sampling.tools']] as const) {
      const { reply, at } = await call(flags);
      at.finish();
      await reply.answered;
    }
    expect(declared()).toEqual([
      declarationOf(CLIENT_FLAGS),
      {},
      { roots: {} },
      { elicitation: { url: {} }, sampling: { tools: {} } },
    ]);
  });

  it('is refused where the caller has not declared it or cannot be asked; whether anybody is there is answered', async () => {
    await register();
    const { reply, at } = await call(['roots']);
    const { reply: silent, at: other } = await call([]);
    Object.assign(reply, { asker: () => undefined });
    at.say({ id: 'a', ...SAMPLING });
    at.say({ id: 'b', ...ROOTS });
    at.say({ id: 'c', method: 'ping' });
    other.say({ id: 'd', ...ROOTS });
    const outcomes = new Map((await answered(4)).map((text) => JSON.parse(text)).map((one) => [one.id, one]));
    for (const id of ['a', 'b', 'd']) expect(outcomes.get(id)).toMatchObject({ error: { code: -32601 } });
    expect(outcomes.get('c')).toMatchObject({ result: {} });
    expect([reply.asked.length, silent.asked.length]).toEqual([1, 0]);
  });

  it('lets the time of the call rest, and that of a silent stream', async () => {
    await register({ timeout: 1 });
    const { reply, at } = await call(['roots']);
    at.say({ id: 1, ...ROOTS });
    await asked(reply);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(reply.answers).toBe(0);
    reply.tell({ roots: [] });
    await answered();
    at.finish('in time');
    expect(JSON.stringify(await reply.answered)).toContain('in time');
  });

  it('is not asked any more when nobody answers in time, and the member is told', async () => {
    await opened.close();
    opened = await openPool({ speed: 3_000 });
    await register({ timeout: 300 });
    const { reply, at } = await call(['roots']);
    at.say({ id: 1, ...ROOTS });
    expect((await reply.answered).failure).toMatch(/COMPOSER_INPUT_MISSING/);
    expect(reply.withdrawn).toBe(1);
    await until(() => origin.methods().includes('notifications/cancelled'), 'the cancellation');
    expect(JSON.parse((await answered())[0]!)).toMatchObject({ id: 1, error: {} });
  });

  it('is taken back when the member does so, and when the call ends', async () => {
    await register();
    const { reply, at } = await call(['roots']);
    for (const id of ['a', 'b']) at.say({ id, ...ROOTS });
    await asked(reply, 2);
    at.say({ method: 'notifications/cancelled', params: { requestId: 'a' } });
    await until(() => reply.withdrawn === 1, 'the withdrawal');
    reply.tell({ roots: [] });
    expect(answers()).toEqual([]);
    reply.running.cancel();
    expect(reply.withdrawn).toBe(2);
    expect(JSON.parse((await answered())[0]!)).toMatchObject({ id: 'b', error: { code: -32603 } });
    reply.tell({ roots: [] }, 1);
    expect(answers()).toHaveLength(1);
  });

  it('is bounded: eight at a time, and none a second time', async () => {
    await register();
    const { reply, at } = await call(['roots']);
    for (let id = 0; id < 9; id++) at.say({ id, ...ROOTS });
    expect(JSON.parse((await answered())[0]!)).toMatchObject({ id: 8, error: { code: -32603 } });
    at.say({ id: 0, ...ROOTS });
    reply.takers[1]!({ error: Buffer.from('{"code":-1,"message":"no"}') });
    expect((await answered(2))[1]).toBe('{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}');
    expect(reply.asked).toHaveLength(8);
  });

  it('is asked of no more than half as many callers at a time as there are connections', async () => {
    await register({ timeout: 20 });
    const calls = Array.from({ length: 33 }, () => start(['roots']));
    await until(() => underWay.length === 33, 'the calls');
    for (const { say } of underWay) say({ id: 1, ...ROOTS });
    expect(JSON.parse((await answered())[0]!)).toMatchObject({ error: { code: -32603 } });
    expect(calls.filter((reply) => reply.asked.length === 1)).toHaveLength(32);
    calls.find((reply) => reply.asked.length === 1)!.tell({ roots: [] });
    await answered(2);
    const free = calls.findIndex((reply) => reply.asked.length === 0);
    underWay[free]!.say({ id: 2, ...ROOTS });
    for (const { say } of underWay) say({ id: 2, ...ROOTS });
    await until(() => calls.reduce((sum, reply) => sum + reply.asked.length, 0) > 32, 'the next question');
  });

  describe('beside the streams of its answers', () => {
    it('goes to the caller whose session it is, or to nobody', async () => {
      await register();
      const { reply: ann, at: ofAnn } = await call(['roots'], 'tools/call', 'ann');
      const { reply: bob, at: ofBob } = await call(['roots'], 'tools/call', 'bob');
      const { at: ofQuiet } = await call([]);
      expect(new Set([ofAnn, ofBob, ofQuiet].map(({ session }) => session)).size).toBe(3);
      expect([...listening.keys()]).toEqual([ofAnn.session, ofBob.session]);
      listening.get(ofBob.session)!({ id: 'x', ...ROOTS });
      await asked(bob);
      expect(ann.asked).toEqual([]);
      listening.get(ofBob.session)!({ method: 'notifications/cancelled', params: { requestId: 'x' } });
      await until(() => bob.withdrawn === 1, 'the withdrawal');

      ofAnn.finish();
      await ann.answered;
      listening.get(ofAnn.session)!({ id: 'y', ...ROOTS });
      expect(JSON.parse((await answered())[0]!)).toMatchObject({ id: 'y', error: { code: -32601 } });
      expect([ann.asked.length, bob.asked.length]).toEqual([0, 1]);
    });

    it('goes to the call that has been under way longest', async () => {
      await register();
      const { reply: first, at } = await call(['roots']);
      const { reply: second } = await call(['roots']);
      listening.get(at.session)!({ id: 1, ...ROOTS });
      await asked(first);
      expect(second.asked).toEqual([]);
    });

    it('is refused in the session of the composer’s own questions', async () => {
      origin.facts = { capabilities: { tools: { listChanged: true } } };
      await register();
      opened.pool.find(crm)!.member!.listen(true);
      await until(() => listening.size === 1, 'the stream');
      const { reply } = await call(['roots']);
      const [own] = listening.keys();
      listening.get(own!)!({ id: 'x', ...ROOTS });
      expect(JSON.parse((await answered())[0]!)).toMatchObject({ id: 'x', error: { code: -32601 } });
      expect(answers()[0]!.headers['mcp-session-id']).toBe(own);
      expect(reply.asked).toEqual([]);
    });

    it('is refused on the stream of an answer to the composer', async () => {
      const { intercept } = origin;
      origin.intercept = (message, response) => {
        if (message.method !== 'tools/list') return intercept(message, response);
        const say = eventStream(response);
        say({ id: 'x', ...ROOTS });
        say({ id: message.id, result: { tools: [] } });
        response.end();
        return true;
      };
      await register();
      expect(JSON.parse((await answered())[0]!)).toMatchObject({ id: 'x', error: { code: -32601 } });
    });

    it('is not missed by a member that ends such streams, or has none', async () => {
      origin.onListen = (response) => void response.writeHead(405).end();
      await register();
      const { reply, at } = await call(['roots']);
      at.say({ id: 1, ...ROOTS });
      await asked(reply);
      expect(origin.methods().filter((method) => method === 'GET')).toHaveLength(1);
    });
  });
});
