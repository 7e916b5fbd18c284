import type { ClientAnswer } from '#builder';
import { principalId, tenantId } from '#kernel';
import type { Principal } from '#tenancy';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { OpenQuestions } from './open-questions.js';

const QUESTION = { method: 'roots/list', params: {} } as const;
const YES: ClientAnswer = { result: Buffer.from('{"roots":[]}') };
const principal = (tenant: string, id: string) => ({ tenantId: tenantId(tenant), id: principalId(id) }) as Principal;
const ann = { principal: principal('acme', 'ann'), sessionId: 'one' };

describe('OpenQuestions', () => {
  let questions: OpenQuestions;
  let sent: { readonly id?: string; readonly method: string; readonly params: object }[];
  let taken: ClientAnswer[];
  const reply = {
    openStream: () => undefined,
    event: (parts: readonly Buffer[]) => void sent.push(JSON.parse(Buffer.concat(parts).toString()) as never),
  };
  const ask = (whom = ann) => questions.ask({ ...whom, reply }, QUESTION, (answer) => taken.push(answer));

  beforeEach(() => {
    [questions, sent, taken] = [new OpenQuestions(), [], []];
  });

  it('asks under an id that nobody can guess, and takes one answer', () => {
    ask();
    ask();
    expect(sent).toMatchObject([QUESTION, QUESTION]);
    const [first, second] = sent.map(({ id }) => id!);
    expect(first).toMatch(/^composer-[\w-]{22}$/);
    expect(first).not.toBe(second);
    for (let i = 0; i < 2; i++) questions.take(ann, first!, YES);
    expect([taken, questions.size]).toEqual([[YES], 1]);
  });

  it.each([
    ['another session', { ...ann, sessionId: 'two' }],
    ['another principal', { ...ann, principal: principal('acme', 'bob') }],
    ['another tenant', { ...ann, principal: principal('globex', 'ann') }],
  ])('takes no answer from %s', (_, other) => {
    ask();
    questions.take(other, sent[0]!.id!, YES);
    questions.take(ann, 'composer-guessed', YES);
    expect([taken, questions.size]).toEqual([[], 1]);
  });

  it('tells the client of a question that is withdrawn, unless it has answered', () => {
    const [first, second] = [ask(), ask()];
    const [id, other] = sent.map((message) => message.id!);
    questions.take(ann, other!, YES);
    sent = [];
    for (const withdraw of [first!, first!, second!]) withdraw();
    expect(sent).toEqual([{ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } }]);
    questions.take(ann, id!, YES);
    expect([taken.length, questions.size]).toEqual([1, 0]);
  });

  it('leaves no session more than its share', () => {
    const asked = Array.from({ length: 70 }, () => ask()).filter(Boolean);
    expect(asked).toHaveLength(64);
    expect(ask({ ...ann, sessionId: 'two' })).toBeDefined();
    asked[0]!();
    expect(ask()).toBeDefined();
  });
});
