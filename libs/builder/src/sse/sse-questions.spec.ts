import 'reflect-metadata';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AskedReply } from '../../testing/asked-reply.js';
import { clientOf } from '../../testing/client-of.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { type OpenStream, type SseOrigin, sseOrigin, textResult } from '../../testing/sse-origin.js';
import type { ClientFlag } from '../client-facts.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';

const acme = tenantId('acme');
const ROOTS = { method: 'roots/list' };

describe('what a member over HTTP+SSE asks within a call', () => {
  let origin: SseOrigin;
  let opened: OpenPool;
  let underWay: { readonly id: unknown; readonly stream: OpenStream }[];
  let started: { cancel(): void }[];

  beforeEach(async () => {
    origin = await sseOrigin('echo');
    opened = await openPool({ speed: 5 });
    [underWay, started] = [[], []];
    origin.onCall = ({ id }, stream) => void underWay.push({ id, stream });
    const config = {
      id: 'crm',
      type: 'sse',
      endpoint: `${origin.url}/sse`,
      timeout: 5,
      health_check: { enabled: false },
    };
    await opened.registry.register(acme, config, { by: SYSTEM });
  });
  afterEach(async () => {
    for (const running of started) running.cancel();
    await opened.close();
    await origin.close();
  });

  function start(flags: readonly ClientFlag[] = ['roots'], caller = 'ann') {
    const reply = new AskedReply();
    const running = opened.pool.find({ tenantId: acme, serverId: serverId('crm') })!.member!.request(
      {
        method: 'tools/call',
        target: 'echo',
        message: parseMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}')),
        client: clientOf('legacy', ...flags),
        headers: {},
        principalId: principalId(caller),
      },
      reply,
    );
    started.push(running);
    return Object.assign(reply, { running });
  }
  async function call(...args: Parameters<typeof start>) {
    const before = underWay.length;
    const reply = start(...args);
    await until(() => underWay.length > before, 'the call');
    return { reply, at: underWay.at(-1)! };
  }
  const answers = () => origin.posted.filter(({ method }) => method === undefined);
  const answered = (count = 1) => until(() => answers().length >= count, 'the answer');

  it('goes to the call that has the stream for itself, and its answer to the member', async () => {
    const [{ reply: ann, at: ofAnn }, { reply: bob, at: ofBob }] = [await call(), await call(['roots'], 'bob')];
    expect(ofAnn.stream).not.toBe(ofBob.stream);
    ofBob.stream.send({ id: 'q', ...ROOTS });
    await until(() => bob.asked.length === 1, 'the question');
    bob.tell({ roots: [] });
    await answered();
    expect(answers()).toEqual([{ jsonrpc: '2.0', id: 'q', result: { roots: [] } }]);
    for (const { id, stream } of underWay) stream.send({ id, result: textResult('done') });
    await Promise.all([ann.answered, bob.answered]);
    expect(ann.asked).toEqual([]);
  });

  it('is asked where nobody is but this call, also in what the member logs; the stream is used again', async () => {
    const { reply, at } = await call();
    at.stream.send({ method: 'notifications/message', params: { level: 'info', data: 'at work' } });
    at.stream.send({ id: at.id, result: textResult('done') });
    await reply.answered;
    const { reply: next, at: again } = await call();
    expect(again.stream).toBe(at.stream);
    again.stream.send({ id: again.id, result: textResult('done') });
    await next.answered;
    expect(origin.opened).toBe(2);
  });

  it('is refused between calls, and on the streams of others', async () => {
    const { reply, at } = await call();
    origin.streams[0]!.send({ id: 'own', ...ROOTS });
    await answered(1);
    at.stream.send({ id: at.id, result: textResult('done') });
    await reply.answered;
    at.stream.send({ id: 'late', ...ROOTS });
    await answered(2);
    const { at: quiet } = await call([]);
    quiet.stream.send({ id: 'quiet', ...ROOTS });
    await answered(3);
    for (const answer of answers()) expect(answer).toMatchObject({ error: { code: -32601 } });
    expect(reply.asked).toEqual([]);
  });

  it('is asked while the session is opened for the call: as soon as the handshake is done', async () => {
    origin.intercept = ({ method }) => {
      if (method === 'notifications/initialized') origin.streams.at(-1)!.send({ id: 'early', ...ROOTS });
      return false;
    };
    const reply = start();
    await until(() => reply.asked.length === 1, 'the question');
    reply.tell({ roots: [] });
    await answered();
    expect(answers()[0]).toMatchObject({ id: 'early', result: { roots: [] } });
  });

  it('closes the stream of a call that was not answered', async () => {
    const { reply, at } = await call();
    at.stream.send({ id: 'q', ...ROOTS });
    await until(() => reply.asked.length === 1, 'the question');
    reply.running.cancel();
    await until(() => !origin.streams.includes(at.stream), 'the end of the stream');
    expect(reply.withdrawn).toBe(1);
  });

  it('is bounded: so many calls have a stream for themselves, and no more', async () => {
    const replies = Array.from({ length: 65 }, () => start());
    expect((await replies.at(-1)!.answered).failure).toMatch(/COMPOSER_MEMBER_BUSY/);
    for (const { answers: given } of replies.slice(0, -1)) expect(given).toBe(0);
  });
});
