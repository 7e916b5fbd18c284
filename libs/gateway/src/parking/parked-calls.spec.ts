import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { tenantId } from '#kernel';
import { principalOf } from '#tenancy/testing';
import { AskedCallsGround, type Post } from '../../testing/asked-calls-ground.js';
import type { ToldResponse } from '../../testing/told-response.js';

const GATHERING_MS = 50;
const ANSWER_MS = 600_000;
const CHECK_MS = 1_000;
const ACCEPT = { action: 'accept', content: { name: 'Ann' } };
const SAMPLE = { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' };

interface Asked {
  readonly result: {
    readonly resultType: string;
    readonly requestState: string;
    readonly inputRequests: Record<string, { method: string; params: object }>;
  };
}

describe('ParkedCalls', () => {
  let ground: AskedCallsGround;

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    ground = new AskedCallsGround();
    ground.parked.onModuleInit();
  });
  afterEach(() => {
    ground.parked.onModuleDestroy();
    jest.useRealTimers();
  });

  const bodyOf = <T = Asked>(response: ToldResponse): T => JSON.parse(response.body) as T;
  const gathered = () => jest.advanceTimersByTime(GATHERING_MS);
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  /** A call that was asked something, and is parked. */
  function parked(post: Post = {}, ask = () => ground.ask('elicitation/create', { message: 'Name?' })) {
    const first = ground.post(post);
    ask();
    gathered();
    const { requestState, inputRequests } = bodyOf(first).result;
    const retry = (inputResponses?: object, more: Post = {}) =>
      ground.post({
        id: 2,
        ...post,
        ...more,
        params: { ...post.params, requestState, inputResponses, ...more.params },
      });
    return { first, retry, keys: Object.keys(inputRequests) };
  }

  const isFree = () => [ground.parked.size, ground.exchanges.size, ground.admission.inUse];

  describe('asks', () => {
    it('for everything that comes soon after one another at once, in the form of the modern era', () => {
      const response = ground.post();
      ground.ask('elicitation/create', { mode: 'url', url: 'https://x.example', message: 'Go', elicitationId: 'e1' });
      jest.advanceTimersByTime(GATHERING_MS - 1);
      ground.ask('sampling/createMessage', { messages: [], maxTokens: 5 });
      jest.advanceTimersByTime(GATHERING_MS - 1);
      ground.ask('roots/list');
      expect(response.body).toBe('');
      gathered();
      expect(bodyOf(response)).toMatchObject({
        id: 1,
        result: {
          resultType: 'input_required',
          requestState: expect.any(String),
          _meta: { 'io.modelcontextprotocol/serverInfo': {} },
        },
      });
      expect(bodyOf(response).result.inputRequests).toEqual({
        'question-1': {
          method: 'elicitation/create',
          params: { mode: 'url', url: 'https://x.example', message: 'Go' },
        },
        'question-2': { method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } },
        'question-3': { method: 'roots/list', params: {} },
      });
      expect(response.status).toBe(200);
    });

    it('as the last event where a stream is open', () => {
      const response = ground.post();
      ground.calls[0]!.reply.openStream();
      ground.ask('roots/list');
      gathered();
      expect(response.body).toMatch(/^event: message\ndata: .*"input_required".*\n\n$/);
      expect(response.writableFinished).toBe(true);
    });

    it.each<[string, Post]>([
      ['what was not declared', { capabilities: { sampling: {} } }],
      ['anything, if nothing was declared', { capabilities: {} }],
      ['anything of a completion', { method: 'completion/complete' }],
    ])('for nothing else: not for %s', (_, post) => {
      ground.post(post);
      expect(ground.ask('elicitation/create')).toBeUndefined();
      expect(ground.parked.size).toBe(0);
    });

    it('for nothing that was taken back in time, and nothing when the call is over', () => {
      const response = ground.post();
      ground.ask('roots/list')!();
      gathered();
      expect(response.body).toBe('');
      ground.calls[0]!.reply.result({ content: [] });
      expect(ground.ask('roots/list')).toBeUndefined();
      expect(isFree()).toEqual([0, 0, 0]);
    });

    it('for no more than anybody answers', () => {
      ground.post();
      const asked = Array.from({ length: 20 }, () => ground.ask('roots/list'));
      expect(asked.filter(Boolean)).toHaveLength(16);
    });
  });

  describe('goes on when the client is back', () => {
    it('with the bytes of its answers, and gives the answer of the call to the new request', () => {
      const { first, retry, keys } = parked({}, () => {
        ground.ask('elicitation/create', { message: 'Name?' });
        ground.ask('sampling/createMessage');
        ground.ask('roots/list');
      });
      const [a, b, c] = keys as [string, string, string];
      const second = retry({ [b]: SAMPLE, other: 7, [a]: ACCEPT, [c]: { roots: [], n: 1.5 } });
      expect(ground.answersOf()).toEqual([JSON.stringify(ACCEPT), JSON.stringify(SAMPLE), '{"roots":[],"n":1.5}']);
      const answer = '{"jsonrpc":"2.0","id":1,"result":{"content":[],"n":1.50,"resultType":"complete"}}';
      ground.calls[0]!.reply.message([Buffer.from(answer.slice(0, 20)), Buffer.from(answer.slice(20))]);
      expect(second.body).toBe(answer.replace('"id":1', '"id":2'));
      expect(bodyOf(first).result.resultType).toBe('input_required');
      expect([isFree(), ground.ends, ground.calls.length]).toEqual([[0, 0, 0], ['done'], 1]);
    });

    it.each(['prompts/get', 'resources/read'])('also in %s', (method) => {
      const { retry, keys } = parked({ method });
      const second = retry({ [keys[0]!]: ACCEPT });
      ground.calls[0]!.reply.failed('broken', 'COMPOSER_ANY');
      expect(bodyOf(second)).toMatchObject({ id: 2, error: { message: 'broken' } });
      expect(isFree()).toEqual([0, 0, 0]);
    });

    it('and asks again, under a state of its own', () => {
      const { first, retry, keys } = parked();
      const second = retry({ [keys[0]!]: ACCEPT });
      ground.ask('roots/list');
      gathered();
      const { requestState, inputRequests } = bodyOf(second).result;
      expect(Object.keys(inputRequests)).toEqual(['question-2']);
      expect(requestState).not.toBe(bodyOf(first).result.requestState);
      const third = ground.post({ id: 3, params: { requestState, inputResponses: { 'question-2': { roots: [] } } } });
      ground.calls[0]!.reply.result({ content: [] });
      expect(bodyOf(third)).toMatchObject({ id: 3, result: { resultType: 'complete' } });
      expect(isFree()).toEqual([0, 0, 0]);
    });

    it('and asks then what has come meanwhile', () => {
      const { retry, keys } = parked();
      ground.ask('roots/list');
      gathered();
      const second = retry({ [keys[0]!]: ACCEPT });
      gathered();
      expect(ground.answersOf()).toEqual([JSON.stringify(ACCEPT)]);
      expect(Object.keys(bodyOf(second).result.inputRequests)).toEqual(['question-2']);
    });

    it('but asks nothing that this request does not declare', () => {
      const { retry, keys } = parked();
      ground.ask('roots/list', { while: 'away' });
      const second = retry({ [keys[0]!]: ACCEPT }, { capabilities: { elicitation: {} } });
      gathered();
      expect(second.body).toBe('');
      expect(ground.answersOf()[1]).toMatch(/^error .*-32603/);
      expect(ground.ask('roots/list')).toBeUndefined();
    });

    it('and asks once more for what is missing, then takes it for a no', () => {
      const { retry } = parked({}, () => {
        ground.ask('elicitation/create', { message: 'Name?' });
        ground.ask('roots/list');
      });
      const second = retry({ wrong: ACCEPT });
      gathered();
      const { requestState, inputRequests } = bodyOf(second).result;
      expect(Object.keys(inputRequests)).toEqual(['question-1', 'question-2']);
      ground.post({ id: 3, params: { requestState } });
      expect(ground.answersOf()).toEqual(['{"action":"cancel"}', expect.stringMatching(/^error .*-32603/)]);
    });

    it('and tells it of progress under the token of the new request', () => {
      const progress = (token: unknown) =>
        Buffer.from(
          `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(token)},"progress":1}}`,
        );
      const { retry, keys } = parked({ meta: { progressToken: 'a' } });
      const { reply } = ground.calls[0]!;
      reply.event([progress('a')]);
      const second = retry({ [keys[0]!]: ACCEPT }, { meta: { progressToken: 7 } });
      expect(second.body).toBe('');
      reply.event([progress('a')]);
      expect(second.body).toBe(`event: message\ndata: ${progress(7).toString()}\n\n`);
      reply.result({ content: [] });
      expect(second.body).toContain('"complete"');
    });

    it.each<[string, Post]>([
      ['no token', {}],
      ['no stream', { takesEvents: false, meta: { progressToken: 'a' } }],
    ])('and tells it nothing where it has %s', (_, more) => {
      const { retry, keys } = parked({ meta: { progressToken: 'a' } });
      const second = retry({ [keys[0]!]: ACCEPT }, { meta: {}, ...more });
      const params = { progressToken: 'a', progress: 1 };
      ground.calls[0]!.reply.event([Buffer.from(JSON.stringify({ method: 'notifications/progress', params }))]);
      ground.calls[0]!.reply.result({ content: [] });
      expect(bodyOf(second)).toMatchObject({ id: 2, result: { resultType: 'complete' } });
    });

    it.each([[false], [true]])('with an answer that has come before it (audit %s)', async (mayWait) => {
      ground.mayWait = mayWait;
      const { retry, keys } = parked();
      ground.calls[0]!.reply.message([Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}')]);
      await settle();
      expect([ground.parked.size, ground.exchanges.size, ground.ends]).toEqual([1, 0, ['done']]);
      const second = retry({ [keys[0]!]: ACCEPT });
      expect(second.body).toBe('{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete"}}');
      expect([isFree(), ground.ends]).toEqual([[0, 0, 0], ['done']]);
    });

    it('in its turn, and may come again where there is none', async () => {
      const { retry, keys } = parked();
      ground.admission.places = 0;
      const waiting = retry({ [keys[0]!]: ACCEPT });
      ground.admission.line[0]!.refuse();
      await settle();
      expect([waiting.status, ground.answersOf()]).toEqual([429, []]);
      const again = retry({ [keys[0]!]: ACCEPT });
      ground.ask('roots/list')!();
      gathered();
      expect(again.body).toBe('');
      ground.admission.line[0]!.admit();
      await settle();
      expect(ground.answersOf()).toEqual([JSON.stringify(ACCEPT)]);
      ground.calls[0]!.reply.result({ content: [] });
      expect(bodyOf(again)).toMatchObject({ id: 2, result: { resultType: 'complete' } });
      expect(isFree()).toEqual([0, 0, 0]);
    });
  });

  it('goes on as whoever its caller is now, with the credential of the last request', async () => {
    const { retry, keys } = parked();
    const now = principalOf('ann', { credential: { kind: 'api_key', id: 'another' } });
    retry({ [keys[0]!]: ACCEPT }, { principal: now, request: 'second' });
    const asked: unknown[] = [];
    await ground.exchanges.recheck(now.tenantId, (request) => {
      asked.push(request);
      return Promise.resolve(now);
    });
    expect(asked).toEqual([{ name: 'second' }]);
    ground.exchanges.end(({ credential }) => credential.id === 'another');
    expect(ground.calls[0]!.isCancelled).toBe(true);
  });

  it('keeps no place at the member while it is parked, and no other call from going on', () => {
    ground.admission.places = 1;
    const { retry, keys } = parked();
    expect(isFree()).toEqual([1, 1, 0]);
    ground.post();
    ground.calls[1]!.reply.result({ content: [] });
    retry({ [keys[0]!]: ACCEPT });
    expect(isFree()).toEqual([1, 1, 1]);
  });

  describe('refuses', () => {
    it.each<[string, unknown]>([
      ['answers that are none', 7],
      ['a list', []],
      ['null', null],
      ['a number', { 'question-1': 12_345 }],
      ['an action that there is not', { 'question-1': { action: 'maybe' } }],
      ['content that is no object', { 'question-1': { action: 'accept', content: 'x' } }],
      ['roots that are no list', { 'question-2': { roots: {} } }],
      ['a message without a model', { 'question-3': { role: 'assistant', content: {} } }],
    ])('%s, and lets the client answer better', (_, inputResponses) => {
      const { retry } = parked({}, () => {
        ground.ask('elicitation/create', { message: 'Name?' });
        ground.ask('roots/list');
        ground.ask('sampling/createMessage');
      });
      const second = retry(inputResponses as object);
      const message = expect.stringContaining('inputResponses');
      expect(bodyOf(second)).toMatchObject({ id: 2, error: { code: -32602, message } });
      expect([ground.answersOf(), ground.parked.size]).toEqual([[], 1]);
      retry({ 'question-1': ACCEPT });
      expect(ground.answersOf()).toEqual([JSON.stringify(ACCEPT)]);
    });

    it('a state that was used, or whose call has ended, and says to call again', () => {
      const { retry, keys } = parked();
      const answers = { [keys[0]!]: ACCEPT };
      const used = [retry(answers), retry(answers)][1]!;
      ground.calls[0]!.reply.result({ content: [] });
      for (const response of [used, retry(answers)]) {
        expect(bodyOf(response)).toMatchObject({
          error: { code: -32602, message: expect.stringContaining('make the call again'), data: {} },
        });
      }
      expect([ground.answersOf().length, ground.calls.length]).toEqual([1, 1]);
    });

    it('a stranger, whom the parked call does not notice', () => {
      const { retry, keys } = parked();
      const answers = { [keys[0]!]: ACCEPT };
      const strangers = [principalOf('bob'), principalOf('ann', { tenantId: tenantId('globex') })];
      for (const principal of strangers) {
        expect(bodyOf(retry(answers, { principal }))).toMatchObject({ error: { code: -32602 } });
      }
      expect(bodyOf(retry(answers, { params: { arguments: { n: 2 } } }))).toMatchObject({ error: { code: -32602 } });
      expect([ground.answersOf(), ground.calls.length]).toEqual([[], 1]);
      retry(answers);
      expect(ground.answersOf()).toHaveLength(1);
    });

    it('a caller that may not make the call any more, and cancels it', () => {
      const { retry, keys } = parked();
      ground.isAllowed = () => false;
      const second = retry({ [keys[0]!]: ACCEPT });
      expect(bodyOf(second)).toMatchObject({ error: { code: -32602 } });
      expect([ground.calls[0]!.isCancelled, ground.ends, isFree()]).toEqual([true, ['failed access ended'], [0, 0, 0]]);
    });
  });

  it('sends no member a state of the composer', () => {
    const { retry, keys } = parked();
    retry({ [keys[0]!]: ACCEPT });
    ground.post({ params: { requestState: 'of a member', inputResponses: {} } });
    expect(ground.calls.map(({ params }) => params)).toEqual([
      expect.not.objectContaining({ requestState: expect.anything() }),
      expect.objectContaining({ requestState: 'of a member', inputResponses: {} }),
    ]);
  });

  describe('ends, and frees everything', () => {
    const audited = (reason: string) => {
      expect([ground.calls[0]!.isCancelled, ground.ends, isFree()]).toEqual([true, [`failed ${reason}`], [0, 0, 0]]);
    };

    it('when its caller goes away, but not because the first request is answered', () => {
      const { first, retry, keys } = parked();
      first.emit('close');
      expect(ground.calls[0]!.isCancelled).toBe(false);
      retry({ [keys[0]!]: ACCEPT }).emit('close');
      audited('cancelled');
    });

    it('when its caller has gone before it could have had the questions', () => {
      const response = ground.post();
      ground.ask('roots/list');
      response.emit('close');
      gathered();
      audited('cancelled');
    });

    it('when its caller goes away while it waits for its turn again', async () => {
      const { retry, keys } = parked();
      ground.admission.places = 0;
      retry({ [keys[0]!]: ACCEPT }).emit('close');
      await settle();
      audited('cancelled');
      expect(ground.admission.line).toEqual([]);
    });

    it('when its caller does not come back in time', () => {
      const { retry, keys } = parked();
      ground.clock.time += ANSWER_MS - 1;
      jest.advanceTimersByTime(CHECK_MS);
      expect(ground.parked.size).toBe(1);
      ground.clock.time += 1;
      jest.advanceTimersByTime(CHECK_MS);
      audited('nobody answered in time');
      expect(bodyOf(retry({ [keys[0]!]: ACCEPT }))).toMatchObject({ error: { code: -32602 } });
    });

    it('when the answer is not fetched in time', () => {
      parked();
      ground.calls[0]!.reply.result({ content: [] });
      ground.clock.time += ANSWER_MS;
      jest.advanceTimersByTime(CHECK_MS);
      expect([isFree(), ground.ends]).toEqual([[0, 0, 0], ['done']]);
    });

    it('when its caller may call no more', () => {
      parked();
      ground.exchanges.end(({ id }) => id === 'ann');
      audited('access ended');
    });

    it('when its caller may not call this any more', async () => {
      const { retry, keys } = parked();
      const now = principalOf('ann', { roles: ['caller'] });
      await ground.exchanges.recheck(now.tenantId, () => Promise.resolve(now));
      expect(ground.calls[0]!.isCancelled).toBe(false);
      ground.isAllowed = ({ roles }) => roles.length > 0;
      await ground.exchanges.recheck(now.tenantId, () => Promise.resolve(principalOf('ann')));
      audited('access ended');
      expect(bodyOf(retry({ [keys[0]!]: ACCEPT }))).toMatchObject({ error: { code: -32602 } });
    });

    it('when the process does, after which nobody is asked any more', () => {
      parked();
      const { retry, keys } = parked();
      const second = retry({ [keys[0]!]: ACCEPT });
      ground.parked.onModuleDestroy();
      ground.calls[1]!.reply.result({ content: [] });
      expect(bodyOf(second)).toMatchObject({ result: { resultType: 'complete' } });
      expect(ground.ends.splice(1)).toEqual(['done']);
      audited('the composer stops');
      ground.post();
      expect(ground.ask('roots/list')).toBeUndefined();
    });

    it('a thousand at once', () => {
      ground.admission.places = 1;
      for (let i = 0; i < 1_000; i++) parked({ principal: principalOf(`p${i % 10}`) });
      expect(isFree()).toEqual([1_000, 1_000, 0]);
      for (let i = 0; i < 100; i++) ground.calls[i]!.reply.result({ content: [] });
      ground.clock.time += ANSWER_MS;
      jest.advanceTimersByTime(CHECK_MS);
      expect(isFree()).toEqual([0, 0, 0]);
      expect(ground.calls.filter(({ isCancelled }) => isCancelled)).toHaveLength(900);
      expect(ground.ends).toHaveLength(1_000);
      expect(jest.getTimerCount()).toBe(1);
    });
  });

  it('keeps no more than it can: of one principal, of one tenant', () => {
    const asks = (principal: ReturnType<typeof principalOf>) => {
      ground.admission.places++;
      ground.post({ principal });
      return ground.ask('roots/list') !== undefined;
    };
    const of = (id: string) => Array.from({ length: 101 }, () => asks(principalOf(id))).filter(Boolean).length;
    expect(Array.from({ length: 11 }, (_, i) => of(`p${i}`))).toEqual([...Array<number>(10).fill(100), 0]);
    expect(asks(principalOf('p1', { tenantId: tenantId('globex') }))).toBe(true);
    ground.calls[0]!.reply.result({ content: [] });
    expect(asks(principalOf('p0'))).toBe(true);
  });

  it('keeps no answers without end for callers that are not there', () => {
    const [first, second] = [parked(), parked()];
    const foreign = parked({ principal: principalOf('p1', { tenantId: tenantId('globex') }) });
    const big = Buffer.alloc(10 * 1024 * 1024, ' ');
    const answer = (end: string) => [Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}'), big, Buffer.from(end)];
    ground.calls[0]!.reply.message(answer('}'));
    ground.calls[1]!.reply.message(answer('}'));
    // What one tenant has is not what another one lacks.
    ground.calls[2]!.reply.message(answer('}'));
    expect(bodyOf(foreign.retry({ 'question-1': ACCEPT }))).toMatchObject({ id: 2, result: {} });
    expect(bodyOf(second.retry({ 'question-1': ACCEPT }))).toMatchObject({
      error: { code: -32603, data: { code: 'COMPOSER_ANSWER_LOST' } },
    });
    expect(bodyOf(first.retry({ 'question-1': ACCEPT }))).toMatchObject({ id: 2, result: {} });
    expect(isFree()).toEqual([0, 0, 0]);
    const third = parked();
    ground.calls[3]!.reply.message(answer('}'));
    expect(bodyOf(third.retry({ 'question-1': ACCEPT }))).toMatchObject({ id: 2, result: {} });
  });
});
