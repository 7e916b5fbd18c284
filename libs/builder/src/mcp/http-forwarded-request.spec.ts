import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { serverId, tenantId, principalId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type McpOrigin, type Sent, answerCall, eventStream, mcpOrigin } from '../../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import type { ClientAnswer } from '../asked-client.js';
import type { ClientFacts } from '../client-facts.js';
import type { Era, RunningCall } from '../member.js';
import { META_CAPABILITIES, META_VERSION, MODERN_VERSION, UNSUPPORTED_VERSION } from './mcp-protocol.js';

type Asked = Sent & { readonly params?: { readonly _meta?: Record<string, unknown> } };

const BY = { by: SYSTEM };
const acme = tenantId('acme');
const answerWith = (response: ServerResponse, message: unknown): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message));
const ROOTS: ClientAnswer = { result: Buffer.from('{"roots":[]}') };
const LOG_LINE = { method: 'notifications/message', params: { level: 'info', data: 'x' } };

describe('HttpForwardedRequest', () => {
  let opened: OpenPool;
  let crm: McpOrigin;

  beforeEach(async () => {
    crm = await mcpOrigin('echo');
    opened = await openPool({ speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    await crm.close();
  });

  const register = () =>
    opened.registry.register(
      acme,
      {
        id: 'crm',
        type: 'http',
        endpoint: `${crm.url}/mcp`,
        timeout: 2,
        health_check: { enabled: false },
      },
      BY,
    );
  const slot = () => opened.pool.find({ tenantId: acme, serverId: serverId('crm') })!;
  function call(era: Era = 'legacy', reply = new RecordingReply()): RecordingReply {
    start(clientOf(era), reply);
    return reply;
  }
  function start(client: ClientFacts, reply: RecordingReply): RunningCall {
    const { era } = client;
    const meta = era === 'modern' ? { _meta: { [META_VERSION]: MODERN_VERSION } } : {};
    const request = { jsonrpc: '2.0', id: 'caller-1', method: 'tools/call', params: { name: 'crm_echo', ...meta } };
    const message = parseMessage(Buffer.from(JSON.stringify(request)));
    const asked = {
      method: 'tools/call',
      target: 'echo',
      message,
      client,
      headers: {},
      principalId: principalId('p'),
    } as const;
    return slot().member!.request(asked, reply);
  }
  const textOf = async (reply: RecordingReply) => {
    const answer = await reply.answered;
    return answer.failure ?? answer.result?.content?.[0]?.text;
  };
  /** A member of revision 2026-07-28. */
  const beModern = () =>
    (crm.intercept = (message, response) => {
      const { id, method } = message;
      const result = method === 'server/discover' ? { supportedVersions: [MODERN_VERSION] } : { tools: [] };
      if (method === 'tools/call') crm.onCall(message, response);
      else answerWith(response, { jsonrpc: '2.0', id, result });
      return true;
    });

  it('sends a modern caller to the page that a legacy member wants opened first', async () => {
    await register();
    const elicitations = [{ mode: 'url', elicitationId: 'e', url: 'https://a.example/p', message: 'Sign in.' }];
    crm.onCall = ({ id }, response) =>
      answerWith(response, { jsonrpc: '2.0', id, error: { code: -32042, message: 'first', data: { elicitations } } });
    expect(await textOf(call('modern'))).toBe('Server "crm" asks: Sign in. https://a.example/p');
    expect((await call('legacy').answered).error).toMatchObject({ code: -32042, data: { elicitations } });
  });

  it('gives the answer in a stream as a message to a reply that takes no pieces', async () => {
    beModern();
    await register();
    crm.onCall = ({ id }, response) => {
      const event = eventStream(response);
      event({ id, result: { resultType: 'complete', content: [{ type: 'text', text: 'whole' }] } });
      response.end();
    };
    const whole = new RecordingReply();
    whole.takesPieces = false;
    expect(await textOf(call('modern', whole))).toBe('whole');
    expect(JSON.parse(whole.raw)).toMatchObject({ id: 'caller-1' });
    expect(whole.events).toEqual([]);

    const pieces = call('modern');
    await until(() => pieces.events.join('').includes('whole'), 'the pieces');
    expect(pieces.raw).toBe('');
  });

  describe('when the member has begun a stream and the call fails', () => {
    const failures: Record<string, (response: ServerResponse, event: (message: object) => void) => void> = {
      'it never answers': () => undefined,
      'the connection breaks': (response) => response.destroy(),
      'the stream ends early': (response) => response.end(),
      'it answers another request': (_, event) => event({ id: 999, result: {} }),
      'it answers what is no message': (_, event) => event({ id: 999, result: {}, error: {} }),
    };
    it.each(Object.keys(failures))('gives the caller one tool error, and frees the connection: %s', async (name) => {
      await register();
      let isFree = false;
      crm.onCall = (_, response) => {
        response.once('close', () => (isFree = true));
        const event = eventStream(response);
        event(LOG_LINE);
        setTimeout(() => failures[name]!(response, event), 20);
      };
      const reply = call();
      expect(await textOf(reply)).toMatch(/^Server "crm" failed/);
      expect(reply.events).toHaveLength(2);
      await until(() => isFree, 'the connection to be free');
      expect(reply.answers).toBe(1);
    });
  });

  it('ends the stream of a member that keeps it open behind its answer', async () => {
    await register();
    let isClosed = false;
    crm.onCall = ({ id }, response) => {
      response.once('close', () => (isClosed = true));
      eventStream(response)({ id, result: { content: [{ type: 'text', text: 'done' }] } });
    };
    expect(await textOf(call())).toBe('done');
    await until(() => isClosed, 'the stream to end');
  });

  describe('when the member has forgotten the session', () => {
    const refuse = (response: ServerResponse) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message: 'no session' }, id: null }));
    };

    it('opens a new one for the call, once, also where it says so with HTTP 400', async () => {
      await register();
      crm.onCall = (_, response) => {
        crm.onCall = (again, next) => answerCall(again, next, 'second');
        refuse(response);
      };
      expect(await textOf(call())).toBe('second');
      // The first of them for the composer's own questions.
      expect(crm.methods().filter((method) => method === 'initialize')).toHaveLength(3);
      crm.onCall = (_, response) => refuse(response);
      expect(await textOf(call())).toMatch(/COMPOSER_MEMBER_PROTOCOL/);
      expect(crm.methods().filter((method) => method === 'initialize')).toHaveLength(4);
    });

    it('opens a new one for its own questions too', async () => {
      await register();
      let refusals = 1;
      crm.intercept = ({ method }, response) => {
        if (method !== 'tools/list' || refusals-- <= 0) return false;
        refuse(response);
        return true;
      };
      await opened.pool.check(slot());
      expect(slot().outcome).toBe('ok');
    });

    it('opens a new one after a check that failed, whatever the member said', async () => {
      await register();
      crm.status = 500;
      await opened.pool.check(slot());
      crm.status = 200;
      const before = crm.methods().filter((method) => method === 'initialize').length;
      expect(await textOf(call())).toBe('echo');
      expect(crm.methods().filter((method) => method === 'initialize')).toHaveLength(before + 1);
    });
  });

  describe('when the whole body is no answer', () => {
    const bodies: Record<string, (id: unknown) => unknown> = {
      'a notification': () => ({ jsonrpc: '2.0', method: 'notifications/message' }),
      'a request': (id) => ({ jsonrpc: '2.0', id, method: 'ping' }),
      'a result and an error': (id) => ({ jsonrpc: '2.0', id, result: {}, error: {} }),
      'another id': () => ({ jsonrpc: '2.0', id: 'stranger', result: {} }),
      'an empty object': () => ({}),
    };
    it.each(Object.keys(bodies).flatMap((name) => [['legacy', name] as const, ['modern', name] as const]))(
      'gives a tool error at once: %s member, %s',
      async (era, name) => {
        if (era === 'modern') beModern();
        await register();
        crm.onCall = ({ id }, response) => {
          answerWith(response, bodies[name]!(id));
        };
        expect(await textOf(call(era))).toMatch(/COMPOSER_MEMBER_PROTOCOL/);
      },
    );
  });

  it('gives the answer of a modern member to a modern caller byte by byte', async () => {
    beModern();
    await register();
    crm.onCall = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        '{ "jsonrpc":"2.0", "id" : "caller\\u002d1","result":{"resultType":"complete","content":[], "x":1.50}}',
      );
    };
    const reply = call('modern');
    await reply.answered;
    expect(reply.raw).toContain('"caller\\u002d1","result":{"resultType":"complete","content":[], "x":1.50}');
  });

  it('goes on with the call when the member asks something under an id that is none', async () => {
    await register();
    crm.onCall = (message, response) => {
      const event = eventStream(response);
      event({ id: { a: 1 }, method: 'ping' });
      event({ id: null, method: 'ping' });
      event({ id: message.id, result: { content: [{ type: 'text', text: 'done' }] } });
      response.end();
    };
    expect(await textOf(call())).toBe('done');
  });

  it.each(['tools', 'prompts', 'resources'])(
    'asks a member for its lists when it says on a stream that its %s have changed, and does not tell the caller',
    async (list) => {
      await register();
      crm.tools = ['echo', 'new'];
      crm.onCall = (message, response) => {
        const event = eventStream(response);
        for (let i = 0; i < 5; i++) event({ method: `notifications/${list}/list_changed` });
        event({ id: message.id, result: { content: [{ type: 'text', text: 'done' }] } });
        response.end();
      };
      const reply = call();
      expect(await textOf(reply)).toBe('done');
      expect(reply.events).toEqual([]);
      await until(() => slot().offer.tools.length === 2, 'the new tools');
      expect(crm.methods().filter((method) => method === 'tools/list')).toHaveLength(2);
    },
  );

  it('speaks modern with a member that has refused that version and names it', async () => {
    let refusals = 0;
    const supported = [MODERN_VERSION];
    beModern();
    const modern = crm.intercept;
    crm.intercept = (message, response) => {
      if (message.method !== 'server/discover' || refusals++ > 0) return modern(message, response);
      const error = { code: UNSUPPORTED_VERSION, message: 'Unsupported protocol version', data: { supported } };
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
      return true;
    };
    await register();
    expect(await textOf(call('modern'))).toBe('echo');
    expect(crm.methods()).not.toContain('initialize');
  });

  describe('asks a caller with a session what a modern member wants to know', () => {
    let again: Asked[];
    let takers: ((answer: ClientAnswer) => void)[];
    let withdrawn: number;

    beforeEach(async () => {
      beModern();
      [again, takers, withdrawn] = [[], [], 0];
      crm.onCall = (message, response) => {
        again.push(message);
        const inputRequests = { where: { method: 'roots/list' } };
        const result = { resultType: 'input_required', inputRequests, requestState: `state ${again.length}` };
        answerWith(response, { jsonrpc: '2.0', id: message.id, result });
      };
      await register();
    });

    function ask(take: (taker: (answer: ClientAnswer) => void) => void = (taker) => takers.push(taker)) {
      const reply = new RecordingReply();
      reply.asker = (_, taker) => {
        take(taker);
        return () => withdrawn++;
      };
      return { reply, running: start(clientOf('legacy', 'roots'), reply) };
    }

    it('and repeats the request with the answer, under another id', async () => {
      const { reply } = ask();
      await until(() => takers.length > 0, 'the question');
      crm.onCall = (message, response) => {
        again.push(message);
        answerCall(message, response, 'done');
      };
      takers[0]!(ROOTS);
      expect(await textOf(reply)).toBe('done');
      expect(JSON.parse(reply.raw)).toMatchObject({ id: 'caller-1' });
      expect(again[1]!.id).not.toBe(again[0]!.id);
      expect(again[1]!.params).toMatchObject({ inputResponses: { where: { roots: [] } }, requestState: 'state 1' });
      expect(again.map(({ params }) => params?._meta?.[META_CAPABILITIES])).toEqual([{ roots: {} }, { roots: {} }]);
    });

    it('but not for ever', async () => {
      const { reply } = ask((taker) => setImmediate(() => taker(ROOTS)));
      expect(await textOf(reply)).toMatch(/again and again/);
      expect(again).toHaveLength(9);
    });

    it('and takes the question back when the call is cancelled', async () => {
      const { reply, running } = ask();
      await until(() => takers.length > 0, 'the question');
      running.cancel();
      takers[0]!(ROOTS);
      expect([withdrawn, again.length, reply.answers]).toEqual([1, 1, 0]);
    });
  });

  describe('when the member ends the stream before the answer and has named an event', () => {
    const mark = (response: ServerResponse, id: string, retry = 120) =>
      void response.write(`id: ${id}\nretry: ${retry}\ndata: \n\n`);
    const gets = () => crm.asked.filter(({ method }) => method === 'GET');
    const calls = () => crm.methods().filter((method) => method === 'tools/call').length;
    let callId: unknown;
    let endedAt: number;

    beforeEach(async () => {
      await register();
      crm.onCall = ({ id }, response) => {
        callId = id;
        eventStream(response);
        mark(response, 'event-1');
        endedAt = performance.now();
        response.end();
      };
    });

    it('comes back after the time that the member wants, and gives the answer of that stream', async () => {
      let cameAt = 0;
      crm.onListen = (response) => {
        cameAt = performance.now();
        const event = eventStream(response);
        event(LOG_LINE);
        event({ id: callId, result: { content: [{ type: 'text', text: 'later' }] } });
      };
      const reply = call();
      expect(await textOf(reply)).toBe('later');
      expect(reply.events).toHaveLength(2);
      expect(gets().map(({ headers }) => headers['last-event-id'])).toEqual(['event-1']);
      expect(cameAt - endedAt).toBeGreaterThan(100);
      expect(calls()).toBe(1);
    });

    it('comes back again, from the last event that it was told', async () => {
      crm.onListen = (response) => {
        const event = eventStream(response);
        if (gets().length < 3) mark(response, `event-${gets().length + 1}`);
        else event({ id: callId, result: { content: [{ type: 'text', text: 'at last' }] } });
        response.end();
      };
      expect(await textOf(call())).toBe('at last');
      expect(gets().map(({ headers }) => headers['last-event-id'])).toEqual(['event-1', 'event-2', 'event-3']);
    });

    it.each([404, 405, 500])('never calls a second time where the way back is answered with %s', async (status) => {
      crm.onListen = (response) => void response.writeHead(status).end();
      expect(await textOf(call())).toMatch(/whether it carried the call out is not known/);
      expect(calls()).toBe(1);
    });

    it('gives up when the time of the call has passed', async () => {
      crm.onListen = (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
      expect(await textOf(call())).toMatch(/it did not answer within 2 s/);
      const came = gets().length;
      expect(came).toBeGreaterThan(0);
      expect(calls()).toBe(1);
    });
  });
});
