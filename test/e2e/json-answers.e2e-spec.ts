import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inTurn } from '../fixtures/in-turn.js';
import { JSON_CASES, type JsonCase } from '../fixtures/json-corpus.js';
import type { HttpAnswer } from '../fixtures/mcp-clients.js';
import { UNCHECKED, openApiDocument } from '../fixtures/openapi-member.js';
import { type ParrotKind, type Said, answerWith } from '../fixtures/parrot.js';
import { ERAS, type EraName, ParrotStage, metaOf, requestTo } from '../fixtures/parrot-stage.js';

let stage: ParrotStage;

beforeAll(async () => {
  stage = await ParrotStage.open();
}, 60_000);
afterAll(() => stage.close());

/** Whatever a member has answered: the composer serves, and no object has become another one. */
afterEach(async () => {
  expect(await stage.isWell()).toBe(true);
  expect(stage.changes).toEqual([]);
});

/** How members answer. Where the composer speaks the era of both, it gives the events of a member as they come. */
const WAYS: readonly { readonly kind: ParrotKind; readonly as: Said['as'] }[] = [
  { kind: 'legacy', as: 'json' },
  { kind: 'legacy', as: 'events' },
  { kind: 'modern', as: 'json' },
  { kind: 'modern', as: 'events' },
  { kind: 'sse', as: 'events' },
];

describe.each(ERAS)('a caller of the %s era, whose %s member', (era) => {
  describe.each(WAYS)('of the kind $kind answers as $as', ({ kind, as }) => {
    const passesThrough = era === 'modern' && kind === 'modern' && as === 'events';
    // What is no message says of no call that it belongs to it: the call runs into its limit of time.
    const cases = kind === 'sse' ? JSON_CASES.filter(({ verdict }) => verdict !== 'invalid') : JSON_CASES;

    it('with each of the 318 cases in its result is given what is JSON, and told of what is none', async () => {
      await inTurn(cases, async (json) => {
        const answer = await answered(era, kind, { as, bytes: (id) => answerWith(id, json.bytes) });
        if (passesThrough) return expectAsSent(json, answer);
        const isGiven = json.verdict === 'valid' || (json.verdict === 'free' && !answer.json.result.isError);
        if (!isGiven) return expectFailure(json, answer);
        const wanted = answer.text.startsWith('event') ? onOneLine(json.bytes) : json.bytes.toString();
        expect([json.name, answer.status, answer.text.includes(wanted)]).toEqual([json.name, 200, true]);
      });
    });
  });

  const whole = WAYS.filter(({ kind }) => kind !== 'sse');
  it.each(whole)('of the kind $kind answers with one of the 318 cases as $as is told', async ({ kind, as }) => {
    await inTurn(JSON_CASES, async (json) => {
      const answer = await answered(era, kind, { as, bytes: () => json.bytes });
      if (era === 'modern' && kind === 'modern' && as === 'events') expectAsSent(json, answer);
      else expectFailure(json, answer);
    });
  });
});

it('a member over SSE that says everything that is no message, and then answers, is heard', async () => {
  const said = await answered('legacy', 'sse', {
    as: 'events',
    bytes: (id) => {
      const noise = JSON_CASES.flatMap(({ bytes }) => [bytes, Buffer.from('\n\ndata: ')]);
      return Buffer.concat([...noise, answerWith(id, Buffer.from('"after all"'))]);
    },
  });
  expect(said.json.result.structuredContent).toEqual({ value: 'after all' });
});

/** The call of a member that answers so. */
function answered(era: EraName, kind: ParrotKind, said: Said): Promise<HttpAnswer> {
  stage.parrot.toSay.set(stage.number + 1, said);
  return stage.call(era, kind, Buffer.from('0'));
}

/** The caller reads of it in a result: a member's failure is not its own. */
function expectFailure({ name }: JsonCase, { status, json }: HttpAnswer): void {
  expect([name, status, json.id, json.result?.isError]).toEqual([name, 200, 1, true]);
  expect(json.result.content[0].text).toMatch(/cannot be read|answered another request|no answer/);
}

function expectAsSent({ name, bytes }: JsonCase, { status, text }: HttpAnswer): void {
  const lines = bytes.toString().split(/\r\n|\r|\n/);
  expect([name, status, lines.every((line) => text.includes(line))]).toEqual([name, 200, true]);
}

const onOneLine = (bytes: Buffer): string => bytes.toString().replaceAll(/[\r\n]/g, ' ');
