import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inTurn } from '../fixtures/in-turn.js';
import { JSON_CASES, type JsonCase } from '../fixtures/json-corpus.js';
import type { HttpAnswer } from '../fixtures/mcp-clients.js';
import { type ParrotKind, type Said, answerWith } from '../fixtures/parrot.js';
import { ERAS, type EraName, ParrotStage, metaOf, requestTo } from '../fixtures/parrot-stage.js';

let stage: ParrotStage;

beforeAll(async () => {
  stage = await ParrotStage.open();
}, 60_000);
afterAll(() => stage?.close());

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
    const cases = kind === 'sse' ? JSON_CASES.filter(({ verdict }) => verdict === 'valid') : JSON_CASES;

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
  const { json } = await answered('legacy', 'sse', {
    as: 'events',
    first: JSON_CASES.map(({ bytes }) => bytes),
    bytes: (id) => answerWith(id, Buffer.from('"after all"')),
  });
  expect(json.result.structuredContent).toEqual({ value: 'after all' });
});

describe('a REST service', () => {
  beforeAll(() => stage.register(stage.parrot.restMember('rest')));

  it.each(ERAS)(
    'that answers with each of the 318 cases is told of as it spoke, to a caller of the %s era',
    async (era) => {
      await inTurn(JSON_CASES, async ({ name, verdict, bytes }) => {
        const { status, json } = await answered(era, 'rest', { as: 'json', bytes: () => bytes });
        const { content, structuredContent, isError } = json.result;
        expect([name, status, isError]).toEqual([name, 200, undefined]);
        if (verdict === 'valid') {
          // There is no minus zero in what JavaScript writes.
          const value = JSON.parse(JSON.stringify(JSON.parse(bytes.toString()))) as unknown;
          expect([name, content[0].text]).toEqual([name, bytes.toString()]);
          expect([name, structuredContent]).toEqual([name, isPlain(value) ? value : { result: value }]);
        } else if (verdict === 'invalid') expect([name, structuredContent]).toEqual([name, undefined]);
      });
    },
  );
});

describe('what a member says of itself', () => {
  const schemas = (cases: readonly JsonCase[]) =>
    cases.map(({ bytes }, at) => `{"name":"case_${at}","inputSchema":{"type":"object","default":${bytes.toString()}}}`);
  const KINDS: readonly ParrotKind[] = ['legacy', 'modern', 'sse'];
  afterEach(() => {
    stage.parrot.definitions = [];
    stage.parrot.ownAnswers.clear();
  });

  it.each(KINDS)('comes through byte for byte where it is JSON, from a %s member', async (kind) => {
    const valid = JSON_CASES.filter(({ verdict }) => verdict === 'valid');
    stage.parrot.definitions = schemas(valid);
    expect((await stage.refresh(kind)).outcome).toBe('ok');
    for (const era of ERAS) {
      const body = `${requestTo('tools/list')}${metaOf(era).slice(0, -1)}}}`;
      const { text, status } = await stage.post(era, body, { method: 'tools/list' });
      expect(status).toBe(200);
      for (const { name, bytes } of valid)
        expect([name, text.includes(`"default":${bytes.toString()}}`)]).toEqual([name, true]);
    }
  });

  it.each(['legacy', 'modern'])(
    'is not taken where it is none, and what was known stays, at a %s member',
    async (kind) => {
      for (const json of JSON_CASES) {
        stage.parrot.definitions = schemas([json]);
        const { outcome, problem } = await stage.refresh(kind);
        if (json.verdict === 'invalid') expect([json.name, outcome]).toEqual([json.name, 'error']);
        expect([json.name, problem ?? '']).toEqual([json.name, expect.not.stringMatching(/fault|internal/i)]);
      }
      stage.parrot.definitions = [];
      expect((await stage.refresh(kind)).outcome).toBe('ok');
    },
    120_000,
  );

  it.each(['initialize', 'tools/list', 'server/discover'])(
    'may be any of the 318 cases in place of an answer to %s',
    async (method) => {
      for (const kind of ['legacy', 'modern'] as const) {
        for (const { name, bytes } of JSON_CASES) {
          stage.parrot.ownAnswers.set(method, () => bytes);
          const { problem } = await stage.refresh(kind);
          expect([name, problem ?? '']).toEqual([name, expect.not.stringMatching(/fault|internal/i)]);
        }
        stage.parrot.ownAnswers.clear();
        expect((await stage.refresh(kind)).outcome).toBe('ok');
      }
    },
    120_000,
  );
});

const isPlain = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The call of a member that answers so. */
function answered(era: EraName, server: string, said: Said): Promise<HttpAnswer> {
  stage.parrot.toSay.set(stage.number + 1, said);
  return stage.call(era, server, Buffer.from('0'));
}

/** The caller reads of it in a result: a member's failure is not its own. */
function expectFailure({ name }: JsonCase, { status, json }: HttpAnswer): void {
  expect([name, status, json.id, json.result?.isError]).toEqual([name, 200, 1, true]);
  expect(json.result.content[0].text).toMatch(
    /cannot be read|answered another request|no answer|no JSON-RPC message|without a result/,
  );
}

function expectAsSent({ name, bytes }: JsonCase, { status, text }: HttpAnswer): void {
  const lines = bytes.toString().split(/\r\n|\r|\n/);
  expect([name, status, lines.every((line) => text.includes(line))]).toEqual([name, 200, true]);
}

const onOneLine = (bytes: Buffer): string => bytes.toString().replaceAll(/[\r\n]/g, ' ');
