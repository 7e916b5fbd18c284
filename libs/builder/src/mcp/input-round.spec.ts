import { principalId } from '#kernel';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import type { ClientAnswer } from '../asked-client.js';
import type { ClientFlag } from '../client-facts.js';
import { type Message, parseMessage } from '../json-rpc/json-rpc-message.js';
import { InputRound } from './input-round.js';

const form = { method: 'elicitation/create', params: { mode: 'form', message: 'Your name?', requestedSchema: {} } };
const sampling = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } };
const told = (result: object): ClientAnswer => ({ result: Buffer.from(JSON.stringify(result)) });
const refused: ClientAnswer = { error: Buffer.from('{"code":-1,"message":"no"}') };

describe('InputRound', () => {
  let reply: RecordingReply;
  let takers: ((answer: ClientAnswer) => void)[];
  let withdrawn: number;
  let again: Message | undefined;
  let failure: string | undefined;

  beforeEach(() => {
    [reply, takers, withdrawn, again, failure] = [new RecordingReply(), [], 0, undefined, undefined];
    reply.asker = (_, take) => {
      takers.push(take);
      return () => withdrawn++;
    };
  });

  function begin(result: unknown, params: object = {}, flags: ClientFlag[] = ['elicitation.form', 'sampling']) {
    const raw = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'crm_ask', ...params } });
    const round = new InputRound({
      memberName: 'crm',
      request: {
        method: 'tools/call',
        target: 'ask',
        message: parseMessage(Buffer.from(raw)),
        client: clientOf('legacy', ...flags),
        headers: {},
        principalId: principalId('p'),
      },
      reply,
      nextId: '"next"',
      complete: (message) => (again = message),
      fail: (error) => (failure = `${error.code} ${error.message}`),
    });
    round.begin(result);
    return round;
  }

  it('fails at once where an answer nests too deep to be sent', () => {
    begin({ inputRequests: { a: form } });
    const deep = JSON.parse(`${'{"a":'.repeat(63)}{}${'}'.repeat(63)}`) as object;
    takers[0]!(told(deep));
    expect([again, failure]).toEqual([undefined, expect.stringContaining('cannot be sent')]);
  });

  it('sends the answers with the state of the member, and nothing that the caller says under their names', () => {
    begin(
      { inputRequests: { a: form, b: sampling }, requestState: 's"1' },
      { inputResponses: { a: 1 }, requestState: 'x' },
    );
    takers[1]!(told({ role: 'assistant' }));
    expect(again).toBeUndefined();
    takers[0]!(told({ action: 'accept', content: { name: 'Ann' } }));
    expect(JSON.parse(again!.raw.toString())).toEqual({
      jsonrpc: '2.0',
      id: 'next',
      method: 'tools/call',
      params: {
        name: 'crm_ask',
        inputResponses: { a: { action: 'accept', content: { name: 'Ann' } }, b: { role: 'assistant' } },
        requestState: 's"1',
      },
    });
  });

  it('tells the person who asks, and gives the rest as it came', () => {
    begin({ inputRequests: { a: form, b: sampling } });
    expect(reply.asked).toEqual([
      { ...form, params: { ...form.params, message: 'Server "crm" asks: Your name?' } },
      sampling,
    ]);
  });

  it('names a page, as the legacy era wants it', () => {
    const params = { mode: 'url', message: 'Look', url: 'https://crm.example/' };
    begin({ inputRequests: { a: { method: 'elicitation/create', params } } }, {}, ['elicitation.url']);
    expect(reply.asked[0]!.params).toMatchObject({
      ...params,
      message: expect.any(String),
      elicitationId: expect.any(String),
    });
  });

  it('repeats at once what only has a state', () => {
    begin({ requestState: 'later' });
    expect(again!.params).toEqual({ name: 'crm_ask', requestState: 'later' });
  });

  it('takes an error for a form that was closed', () => {
    begin({ inputRequests: { a: form } });
    takers[0]!(refused);
    expect(again!.params['inputResponses']).toEqual({ a: { action: 'cancel' } });
  });

  it('fails when the client refuses what has no answer that says so, and withdraws the rest', () => {
    begin({ inputRequests: { a: form, b: sampling } });
    takers[1]!(refused);
    expect(failure).toMatch(/COMPOSER_INPUT_MISSING .*refused/);
    takers[0]!(told({ action: 'accept' }));
    expect([again, withdrawn]).toEqual([undefined, 2]);
  });

  it.each([
    ['what the client has not declared', { inputRequests: { a: { method: 'roots/list' } } }],
    ['a page of a client that shows none', { inputRequests: { a: { ...form, params: { mode: 'url' } } } }],
    ['tools in sampling', { inputRequests: { a: { ...sampling, params: { tools: [] } } } }],
    ['what nobody knows', { inputRequests: { a: { method: 'tools/call', params: {} } } }],
    ['what cannot be read', { inputRequests: [] }],
    ['a state that is no text', { requestState: 7 }],
    [
      'more than anybody answers',
      { inputRequests: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, form])) },
    ],
  ])('does not ask for %s', (_, result) => {
    begin(result);
    expect([reply.asked.length, failure]).toEqual([0, expect.stringMatching(/^COMPOSER_MEMBER_PROTOCOL /)]);
  });

  it('fails when the caller cannot be asked', () => {
    reply.asker = () => undefined;
    begin({ inputRequests: { a: form } });
    expect(failure).toMatch(/cannot be asked/);
  });

  it('takes no more than can be sent at once', () => {
    begin({ inputRequests: { a: form, b: form } });
    for (const take of takers) take(told({ action: 'accept', content: { x: 'y'.repeat(3 * 1024 * 1024) } }));
    expect([again, failure]).toEqual([undefined, expect.stringMatching(/more than/)]);
  });

  it('takes nothing when nobody waits any more', () => {
    begin({ inputRequests: { a: form } }).withdraw();
    takers[0]!(told({ action: 'accept' }));
    expect([again, failure, withdrawn]).toEqual([undefined, undefined, 1]);
  });
});
