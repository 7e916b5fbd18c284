import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import { type OpenStream, type SseOrigin, sseOrigin, textResult } from '../../testing/sse-origin.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import type { RunningCall } from '../member.js';

const acme = tenantId('acme');
const crm = { tenantId: acme, serverId: serverId('crm') };
const MIB = 1024 * 1024;

describe('a member over HTTP+SSE', () => {
  let origin: SseOrigin;
  let opened: OpenPool;

  beforeEach(async () => {
    origin = await sseOrigin('echo');
    opened = await openPool({ speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    await origin.close();
  });

  const register = (more: object = {}) =>
    opened.registry.register(
      acme,
      { id: 'crm', type: 'sse', endpoint: `${origin.url}/sse`, timeout: 2, health_check: { enabled: false }, ...more },
      { by: SYSTEM },
    );
  const slot = () => opened.pool.find(crm)!;
  function call(id = 'caller-1', meta: object = {}): RecordingReply & { readonly running: RunningCall } {
    const request = { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'crm_echo', ...meta } };
    const message = parseMessage(Buffer.from(JSON.stringify(request)));
    const reply = new RecordingReply();
    const told = {
      method: 'tools/call',
      target: 'echo',
      message,
      client: clientOf('legacy'),
      headers: {},
      principalId: principalId('p'),
    } as const;
    return Object.assign(reply, { running: slot().member!.request(told, reply) });
  }
  const textOf = async (reply: RecordingReply) => {
    const answer = await reply.answered;
    return answer.failure ?? answer.result?.content?.[0]?.text;
  };
  const calls = () => origin.posted.filter(({ method }) => method === 'tools/call');

  it('answers many calls over one stream, each with its own answer', async () => {
    await register({ timeout: 60 });
    const waiting: [unknown, OpenStream][] = [];
    origin.onCall = ({ id }, stream) => void waiting.push([id, stream]);
    const replies = Array.from({ length: 20 }, () => call());
    await until(() => waiting.length === 20, 'the calls');
    for (const [id, stream] of waiting.reverse()) stream.send({ id, result: textResult(`for ${String(id)}`) });
    const texts = await Promise.all(replies.map(textOf));
    expect(texts).toEqual(calls().map(({ id }) => `for ${String(id)}`));
    // Besides the one of the composer's own questions.
    expect(origin.opened).toBe(2);
    expect(origin.methods().slice(0, 3)).toEqual(['initialize', 'notifications/initialized', 'tools/list']);
  });

  it('gives progress to the call that it belongs to, under its own token, and log lines to nobody', async () => {
    await register();
    const waiting: [unknown, OpenStream][] = [];
    origin.onCall = ({ id }, stream) => void waiting.push([id, stream]);
    const [one, other] = ['one', 'two'].map((token) => call(token, { _meta: { progressToken: token } }));
    await until(() => waiting.length === 2, 'the calls');
    const [[first, stream], [second]] = waiting as [[unknown, OpenStream], [unknown, OpenStream]];
    stream.send({ method: 'notifications/message', params: { level: 'info', data: 'for whom?' } });
    stream.send({ method: 'notifications/progress', params: { progressToken: second, progress: 1 } });
    stream.send({ method: 'notifications/progress', params: { progressToken: 99, progress: 1 } });
    for (const id of [first, second]) stream.send({ id, result: textResult('done') });
    await Promise.all([one, other].map((reply) => textOf(reply!)));
    expect(one!.events).toEqual([]);
    expect(other!.events.map((event) => event.replace(/^open$/, ''))).toEqual([
      '',
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"two","progress":1}}',
    ]);
  });

  it('tells of a call that was cancelled, and drops an answer that comes all the same', async () => {
    await register();
    let answer = (): void => undefined;
    origin.onCall = ({ id }, stream) => {
      answer = () => stream.send({ id, result: textResult('late') });
    };
    const reply = call();
    await until(() => calls().length === 1, 'the call');
    reply.running.cancel();
    await until(() => origin.methods().includes('notifications/cancelled'), 'the cancellation');
    answer();
    origin.onCall = ({ id }, stream) => stream.send({ id, result: textResult('next') });
    expect(await textOf(call())).toBe('next');
    expect(reply.answers).toBe(0);
  });

  it('tells of every call that was cancelled, however many they are at once', async () => {
    await register();
    origin.onCall = () => undefined;
    const replies = Array.from({ length: 60 }, () => call());
    await until(() => calls().length === replies.length, 'the calls');
    for (const { running } of replies) running.cancel();
    const cancelled = () => origin.methods().filter((method) => method === 'notifications/cancelled');
    await until(() => cancelled().length === replies.length, 'the cancellations');
  });

  it('answers what the member asks: whether anybody is there, and nothing else', async () => {
    await register();
    origin.streams[0]!.send({ id: 'p', method: 'ping' });
    origin.streams[0]!.send({ id: 'r', method: 'roots/list' });
    await until(() => origin.posted.filter(({ method }) => method === undefined).length === 2, 'the answers');
    const answers = new Map(origin.posted.map((message) => [message.id, message]));
    expect(answers.get('p')).toMatchObject({ result: {} });
    expect(answers.get('r')).toMatchObject({ error: { code: -32601 } });
  });

  it.each(['tools', 'prompts', 'resources'])(
    'is asked for its lists when it says that its %s have changed',
    async (list) => {
      await register();
      origin.tools = ['echo', 'new'];
      for (let n = 0; n < 1_000; n++) origin.streams[0]!.send({ method: `notifications/${list}/list_changed` });
      await until(() => slot().offer.tools.length === 2, 'the new tools');
      expect(origin.methods().filter((method) => method === 'tools/list')).toHaveLength(2);
    },
  );

  describe('that does not know the session any more', () => {
    it.each([404, 400, 410])('gets a new one, once, and the call: HTTP %s', async (status) => {
      await register();
      origin.intercept = ({ method }, response) => {
        if (method !== 'tools/call') return false;
        origin.intercept = () => false;
        response.writeHead(status).end('No transport found for sessionId');
        return true;
      };
      expect(await textOf(call())).toBe('echo');
      expect({ streams: origin.opened, calls: calls().length }).toEqual({ streams: 3, calls: 2 });
      await until(() => origin.streams.length === 2, 'the old stream to close');
    });

    it('is given up when it does not know the new one either', async () => {
      await register();
      origin.intercept = ({ method }, response) => {
        if (method === 'tools/call') response.writeHead(404).end();
        return method === 'tools/call';
      };
      expect(await textOf(call())).toMatch(/COMPOSER_MEMBER_PROTOCOL.*HTTP 404/);
      expect(calls()).toHaveLength(2);
    });

    it('is not taken to have lost it when it only does not like the message', async () => {
      await register();
      origin.intercept = ({ method }, response) => {
        if (method === 'tools/call') response.writeHead(400).end('Invalid message');
        return method === 'tools/call';
      };
      expect(await textOf(call())).toMatch(/COMPOSER_MEMBER_PROTOCOL.*HTTP 400/);
      expect({ streams: origin.opened, calls: calls().length }).toEqual({ streams: 2, calls: 1 });
    });

    it('gets a new one for the composer’s own questions too', async () => {
      await register();
      origin.forgetSessions();
      await opened.pool.check(slot());
      expect({ outcome: slot().outcome, streams: origin.opened }).toEqual({ outcome: 'ok', streams: 2 });
    });
  });

  describe('whose stream breaks', () => {
    it('tells a call that was taken that its outcome is not known, and does not repeat it', async () => {
      await register();
      origin.onCall = (_, stream) => setTimeout(() => stream.destroy(), 20);
      expect(await textOf(call())).toMatch(/stream|connection/);
      expect(calls()).toHaveLength(1);
    });

    it('is connected again without waiting for a call', async () => {
      await register();
      origin.streams[0]!.destroy();
      await until(() => origin.opened === 2, 'the next stream');
      expect(await textOf(call())).toBe('echo');
      expect(origin.opened).toBe(3);
    });

    it('is connected again for a call at once', async () => {
      await register();
      origin.streams[0]!.destroy();
      await until(() => origin.streams.length === 0, 'the end of the stream');
      expect(await textOf(call())).toBe('echo');
    });

    it('is not connected again when the member is closed', async () => {
      await register();
      await opened.registry.remove(crm, SYSTEM);
      await until(() => origin.streams.length === 0, 'the end of the stream');
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(origin.opened).toBe(1);
    });
  });

  it('gets another stream after a call that was never answered on a silent one', async () => {
    await register();
    await textOf(call());
    origin.onCall = () => undefined;
    expect(await textOf(call())).toMatch(/COMPOSER_MEMBER_TIMEOUT/);
    origin.onCall = ({ id }, stream) => stream.send({ id, result: textResult('awake') });
    expect(await textOf(call())).toBe('awake');
    expect(origin.opened).toBe(3);
  });

  describe('that cannot be trusted', () => {
    it.each(['http://127.0.0.1:1/steal', 'http://user:pass@HOST/messages', 'javascript:alert(1)', '//evil.example/x'])(
      'gets no message at %s',
      async (endpoint) => {
        origin.endpoint = endpoint.replace('HOST', new URL(origin.url).host);
        const { problem } = await register();
        expect(problem).toMatch(/another origin/);
        expect(origin.posted).toEqual([]);
      },
    );

    const floods: Record<string, (stream: OpenStream) => void> = {
      'an event without end': (stream) => stream.write(`data: ${'x'.repeat(2 * MIB)}`),
      'more notifications than anybody needs': (stream) => {
        for (let n = 0; n < 11_000; n++) stream.send({ method: 'notifications/message', params: { level: 'info' } });
      },
      'answers to nothing that was asked': (stream) => {
        for (let n = 0; n < 11_000; n++) stream.send({ id: 1_000_000 + n, result: {} });
      },
    };
    it.each(Object.keys(floods))('has its stream closed, and the next call gets another: %s', async (name) => {
      await register({ timeout: 60 });
      origin.onCall = (_, stream) => floods[name]!(stream);
      expect(await textOf(call())).toMatch(/^Server "crm" failed/);
      origin.onCall = ({ id }, stream) => stream.send({ id, result: textResult('well again') });
      expect(await textOf(call())).toBe('well again');
      expect(origin.opened).toBe(3);
    });

    it('is asked again after an answer to its first question that could not be read', async () => {
      const nonsense = `${'x'.repeat(300_000)}`;
      origin.onInitialize = ({ id }, stream) =>
        stream.write(`data: {"jsonrpc":"2.0","id":${String(id)},"result":{"a":"${nonsense}",}}\n\n`);
      expect((await register()).problem).toMatch(/cannot be read/);
      delete origin.onInitialize;
      expect(await textOf(call())).toBe('echo');
    });

    it.each([200, 401, 404])(
      'keeps no connection with an answer without end that is no stream: HTTP %s',
      async (status) => {
        const held = new Set<ServerResponse>();
        origin.onStream = (response) => {
          held.add(response);
          response.once('close', () => held.delete(response));
          response.writeHead(status, { 'content-type': 'text/html' }).write('<html>');
        };
        await register();
        for (let n = 0; n < 3; n++) await textOf(call());
        await until(() => held.size === 0, 'the connections to be given back');
      },
    );

    it('breaks no call with what cannot be read, or is told twice', async () => {
      await register();
      origin.onCall = ({ id }, stream) => {
        stream.write('data: {not json}\n\n');
        stream.write(`data: [{"jsonrpc":"2.0","id":${String(id)},"result":{}}]\n\n`);
        stream.write('event: other\ndata: {"jsonrpc":"2.0"}\n\n: comment\n\n');
        stream.write('event: endpoint\ndata: http://127.0.0.1:1/later\n\n');
        for (const text of ['first', 'second']) stream.send({ id, result: textResult(text) });
      };
      const reply = call();
      expect(await textOf(reply)).toBe('first');
      expect(await textOf(call())).toBe('first');
      expect(reply.answers).toBe(1);
    });

    it('is told as what it is: no HTTP+SSE', async () => {
      const { problem } = await register({ endpoint: `${origin.url}/mcp` });
      expect(problem).toMatch(/HTTP 404 and no event stream/);
    });
  });
});
