import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inTurn } from '../fixtures/in-turn.js';
import { JSON_CASES } from '../fixtures/json-corpus.js';
import { PARROT_KINDS, callOf } from '../fixtures/parrot.js';
import { ERAS, type EraName, META, PLAIN, ParrotStage, metaOf, requestTo } from '../fixtures/parrot-stage.js';

let stage: ParrotStage;

beforeAll(async () => {
  stage = await ParrotStage.open();
}, 60_000);
afterAll(() => stage?.close());

/** Whatever was sent: the composer serves, and no object has become another one. */
afterEach(async () => {
  expect(await stage.isWell()).toBe(true);
  expect(stage.changes).toEqual([]);
});

/** A body in which the case stands in some place. */
interface Place {
  readonly method: string;
  readonly before: (era: EraName) => string;
  readonly after: string;
  /** Keys that stand twice in it are refused. */
  readonly isJudged?: boolean;
  /** What is answered to a value that can be read: the HTTP status, and the code if it is an error. */
  readonly expected: (value: unknown, era: EraName) => Outcome;
}
type Outcome = readonly [status: number, code?: number];

const REFUSED: Outcome = [400, -32600];
const INVALID_PARAMS: Outcome = [200, -32602];
const MISMATCH: Outcome = [400, -32020];
const isText = (value: unknown) => typeof value === 'string';
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

const PLACES: Readonly<Record<string, Place>> = {
  'a body': { method: 'ping', before: () => '', after: '', expected: () => REFUSED },
  'an id': {
    method: 'tools/list',
    before: (era) => `{"jsonrpc":"2.0","method":"tools/list","params":{${metaOf(era)}"a":1},"id":`,
    after: '}',
    expected: (value) => (isText(value) || Number.isSafeInteger(value) ? [200] : REFUSED),
  },
  'a method': {
    method: '',
    before: (era) => `{"jsonrpc":"2.0","id":1,"params":{${metaOf(era)}"a":1},"method":`,
    after: '}',
    expected: (value, era) => {
      if (!isText(value)) return REFUSED;
      if (era === 'legacy') return [200, -32601];
      return PLAIN.test(String(value)) || value === '' ? [404, -32601] : MISMATCH;
    },
  },
  params: {
    method: 'tools/call',
    before: () => '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":',
    after: '}',
    isJudged: true,
    // They have no name, and no `_meta`.
    expected: (value, era) => (isObject(value) ? [era === 'modern' ? 400 : 200, -32602] : REFUSED),
  },
  'a name': {
    method: 'tools/call',
    before: (era) => `${requestTo('tools/call')}${metaOf(era)}"name":`,
    after: '}}',
    expected: (value, era) => (era === 'modern' && !isText(value) ? MISMATCH : INVALID_PARAMS),
  },
  'a cursor': {
    method: 'tools/list',
    before: (era) => `${requestTo('tools/list')}${metaOf(era)}"cursor":`,
    after: '}}',
    expected: () => INVALID_PARAMS,
  },
  'a reference': {
    method: 'completion/complete',
    before: (era) => `${requestTo('completion/complete')}${metaOf(era)}"ref":`,
    after: '}}',
    isJudged: true,
    expected: () => INVALID_PARAMS,
  },
};

/** Parts of a call that a member has a right to see whatever they are: what comes before and behind the case. */
const PASSED_ON: Readonly<Record<string, (era: EraName) => readonly [string, string]>> = {
  arguments: (era) => [`${metaOf(era)}"arguments":`, ''],
  _meta: () => ['"_meta":', ''],
  'progress token': (era) => [`"_meta":{${era === 'modern' ? `${META.slice(1, -1)},` : ''}"progressToken":`, '}'],
};

describe.each(ERAS)('in the %s era, of the 318 cases of the JSON corpus', (era) => {
  it.each(Object.keys(PLACES))('each as %s gets the answer that JSON-RPC wants', async (name) => {
    const { method, before, after, isJudged, expected } = PLACES[name]!;
    await inTurn(JSON_CASES, async (json) => {
      const value = valueIn(json.bytes);
      const text = isText(value) ? String(value) : undefined;
      const answer = await stage.post(era, Buffer.concat([Buffer.from(before(era)), json.bytes, Buffer.from(after)]), {
        method: method || text,
        ...(name === 'a name' ? { name: text } : {}),
      });
      const found: Outcome = [answer.status, answer.json?.error?.code];
      const isTwice = isJudged && json.name.includes('duplicated_key');
      const wanted = json.verdict === 'invalid' ? [400, -32700] : isTwice ? REFUSED : expected(value, era);
      const isFree = json.verdict === 'free' && found[0] === 400 && [-32700, -32600].includes(found[1]!);
      if (!isFree) expect([json.name, ...found]).toEqual([json.name, ...wanted, undefined].slice(0, 3));
      if (found[0] === 200 && name === 'an id') expect(answer.text).toContain(`"id":${json.bytes.toString().trim()}`);
    });
  });

  it.each(PARROT_KINDS)(
    'what is JSON reaches a %s member as an argument, and comes back, byte for byte',
    async (kind) => {
      await inTurn(JSON_CASES, async (json) => {
        const number = stage.number + 1;
        const { status, text, json: answer } = await stage.call(era, kind, json.bytes);
        const heard = stage.parrot.heard.get(number);
        if (json.verdict === 'valid' || (json.verdict === 'free' && status === 200)) {
          expect([json.name, status, answer.error]).toEqual([json.name, 200, undefined]);
          expect([json.name, heard?.includes(callOf(number, json.bytes))]).toEqual([json.name, true]);
          expect([json.name, text.includes(json.bytes.toString())]).toEqual([json.name, true]);
        } else {
          const codes = json.verdict === 'invalid' ? [-32700] : [-32700, -32600];
          expect([json.name, status, codes.includes(answer.error.code), heard]).toEqual([
            json.name,
            400,
            true,
            undefined,
          ]);
        }
      });
    },
  );

  describe.each(Object.keys(PASSED_ON))('each as the %s of a call', (part) => {
    it.each(['legacy', 'modern'])('at a %s member has an answer', async (kind) => {
      const name = `${kind}_parrot`;
      const [before, after] = PASSED_ON[part]!(era);
      await inTurn(JSON_CASES, async (json) => {
        const start = Buffer.from(`${requestTo('tools/call')}"name":"${name}",${before}`);
        const body = Buffer.concat([start, json.bytes, Buffer.from(`${after}}}`)]);
        const { status, json: answer } = await stage.post(era, body, { method: 'tools/call', name });
        const code = answer?.error?.code;
        const isRead = answer?.result !== undefined || (status === 400 && [-32600, -32602].includes(code));
        const isRefused = status === 400 && code === -32700;
        expect([
          json.name,
          status,
          code,
          { valid: isRead, invalid: isRefused, free: isRead || isRefused }[json.verdict],
        ]).toEqual([json.name, status, code, true]);
      });
    });
  });
});

function valueIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
