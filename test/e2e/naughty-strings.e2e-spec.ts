import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inTurn } from '../fixtures/in-turn.js';
import { NAUGHTY_STRINGS } from '../fixtures/json-corpus.js';
import { JSON_HEADERS, MODERN } from '../fixtures/mcp-clients.js';
import { answerWith, callOf } from '../fixtures/parrot.js';
import { ERAS, META, PLAIN, ParrotStage, metaOf, requestTo } from '../fixtures/parrot-stage.js';

/** What also breaks things, and is not on the list. */
const MORE = ['__proto__', 'constructor', 'prototype', 'toString', '\u0000', '\ud800', '\u2028', 'x'.repeat(100_000)];
const STRINGS = [...NAUGHTY_STRINGS, ...MORE];

const isSayable = (text: string) => text.length < 4_000 && text === Buffer.from(text).toString();

let stage: ParrotStage;

beforeAll(async () => {
  stage = await ParrotStage.open();
  await stage.register(stage.parrot.restMember('rest'));
}, 60_000);
afterAll(() => stage?.close());

/** Whatever was said: the composer serves, and no object has become another one. */
afterEach(async () => {
  expect(await stage.isWell()).toBe(true);
  expect(stage.changes).toEqual([]);
});

it('are 485, and some more', () => {
  expect(NAUGHTY_STRINGS).toHaveLength(485);
});

describe.each(ERAS)('each naughty string, from a caller of the %s era,', (era) => {
  it.each(['legacy', 'modern', 'sse'])(
    'reaches a %s member as an argument, and comes back, byte for byte',
    async (kind) => {
      await inTurn(STRINGS, async (text) => {
        const value = Buffer.from(JSON.stringify(text));
        const number = stage.number + 1;
        const answer = await stage.call(era, kind, value);
        expect([text, answer.status, answer.json.result?.structuredContent]).toEqual([text, 200, { value: text }]);
        expect(stage.parrot.heard.get(number)?.includes(callOf(number, value))).toBe(true);
        expect(answer.text).toContain(value.toString());
      });
    },
  );

  it('reaches a REST service as an argument, and is told as it answers', async () => {
    await inTurn(STRINGS, async (text) => {
      stage.parrot.toSay.set(stage.number + 1, { as: 'json', bytes: () => Buffer.from(JSON.stringify({ text })) });
      // What no URL can carry is refused in a result.
      const { status, json } = await stage.call(era, 'rest', Buffer.from(JSON.stringify(text.slice(0, 2_000))));
      expect([text, status, json.result !== undefined]).toEqual([text, 200, true]);
      if (!json.result.isError) expect(json.result.structuredContent).toEqual({ text });
    });
  });

  it('is what a member answers, byte for byte', async () => {
    await inTurn(STRINGS, async (text) => {
      for (const as of ['json', 'events'] as const) {
        const value = Buffer.from(JSON.stringify({ [text]: text }));
        stage.parrot.toSay.set(stage.number + 1, { as, bytes: (id) => answerWith(id, value) });
        const { status, text: body } = await stage.call(era, 'legacy', Buffer.from('0'));
        expect([text, as, status, body.includes(value.toString())]).toEqual([text, as, 200, true]);
      }
    });
  });

  /** The text in place of `?`, and the code that it is answered with. */
  const PLACES: Readonly<Record<string, readonly [method: string, params: string, code: number]>> = {
    'the name of a tool': ['tools/call', '"name":?', -32602],
    'the name of a prompt': ['prompts/get', '"name":?', -32602],
    'a URI': ['resources/read', '"uri":?', era === 'modern' ? -32602 : -32002],
    'a cursor': ['tools/list', '"cursor":?', -32602],
    'a cursor of resources': ['resources/list', '"cursor":?', -32602],
    'what is to be completed': ['completion/complete', '"ref":{"type":"ref/prompt","name":?}', -32602],
  };
  it.each(Object.keys(PLACES))('as %s is not known', async (place) => {
    const [method, params, code] = PLACES[place]!;
    const isNamed = method !== 'completion/complete' && method !== 'tools/list' && method !== 'resources/list';
    // The modern era says names in a header as well, which has room for some, and none for half a sign.
    const sayable = era === 'modern' && isNamed ? STRINGS.filter(isSayable) : STRINGS;
    await inTurn(sayable, async (text) => {
      const said = params.replace('?', () => JSON.stringify(text));
      const name = isNamed ? { name: text } : {};
      const answer = await stage.post(era, `${requestTo(method)}${metaOf(era)}${said}}}`, { method, ...name });
      expect([text, answer.status, answer.json?.error?.code]).toEqual([text, 200, code]);
    });
  });

  it('as an id comes back, and as a method is not known', async () => {
    await inTurn(STRINGS, async (text) => {
      const said = JSON.stringify(text);
      const ping = `{"jsonrpc":"2.0","id":${said},"method":"tools/list","params":{${metaOf(era)}"a":1}}`;
      const listed = await stage.post(era, ping, { method: 'tools/list' });
      if (text.length > 1_024) expect(listed).toMatchObject({ status: 400, json: { error: { code: -32600 } } });
      else expect([listed.status, listed.text.includes(`"id":${said}`)]).toEqual([200, true]);

      const asked = `{"jsonrpc":"2.0","id":1,"method":${said},"params":{${metaOf(era)}"a":1}}`;
      const { status, json } = await stage.post(era, asked, { method: text.length > 1_024 ? undefined : text });
      const isSaid = text === '' || (PLAIN.test(text) && text.length <= 1_024);
      const wanted = era === 'legacy' ? [200, -32601] : isSaid ? [404, -32601] : [400, -32020];
      expect([text, status, json.error.code]).toEqual([text, ...wanted]);
    });
  });
});

describe('each naughty string that a header can carry', () => {
  const SAYABLE = STRINGS.map((text) => Buffer.from(text).toString('latin1')).filter(
    (text) => text.length < 4_000 && /^[\t\x20-\x7e\x80-\xff]*$/.test(text),
  );
  const well = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'legacy_parrot' };
  const NAMES = [
    'mcp-name',
    'mcp-method',
    'mcp-protocol-version',
    'mcp-session-id',
    'last-event-id',
    'mcp-param-value',
    'origin',
    'host',
    'accept',
    'content-type',
    'authorization',
    'x-api-key',
    'cookie',
    'traceparent',
    'x-forwarded-for',
  ];
  it.each(NAMES)('as %s is served or refused, and never a fault', async (name) => {
    const body = `${requestTo('tools/call')}"_meta":${META},"name":"legacy_parrot","arguments":{"n":0,"value":1}}}`;
    await inTurn(SAYABLE, async (text) => {
      const { status, json, headers } = await stage.send({ ...JSON_HEADERS, ...well, [name]: text }, body);
      expect([text, [200, 400, 401, 403, 404, 406, 415, 421].includes(status)]).toEqual([text, true]);
      if (headers['content-type'] === 'application/json') expect(json?.error?.code).not.toBe(-32603);
    });
  });
});

describe('an object with keys that reach for a prototype', () => {
  const POISON = [
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"__proto__":{"__proto__":{"polluted":1}},"a":{"__proto__":{"toString":1}}}',
    '{"prototype":{"polluted":1},"__proto__":null,"__defineGetter__":1,"hasOwnProperty":1}',
    '[{"__proto__":[]},{"constructor":{"prototype":{"length":9}}}]',
    '{"\\u005f_proto__":{"polluted":1},"toString":1,"valueOf":1,"then":1,"toJSON":1}',
  ];
  /** The params of a request, with the poison in place of `?`. */
  const PARAMS: readonly (readonly [method: string, params: string])[] = [
    ['tools/call', '"name":"legacy_parrot","arguments":?'],
    ['tools/call', '"name":"modern_parrot","arguments":{"n":0,"value":?}'],
    ['tools/call', '"name":"rest_parrot","arguments":?'],
    ['tools/call', '"name":"rest_parrot","arguments":{"value":?}'],
    ['tools/call', '"name":"register_mcp_server","arguments":?'],
    ['tools/call', '"name":"register_mcp_server","arguments":{"config":?}'],
    ['tools/call', '"name":"update_mcp_server_config","arguments":{"server_name":"legacy","config":?}'],
    ['tools/call', '"name":?'],
    ['tools/call', '"name":"legacy_parrot","inputResponses":?,"requestState":"x"'],
    ['tools/list', '"cursor":?'],
    ['prompts/get', '"name":?,"arguments":?'],
    ['resources/read', '"uri":?'],
    ['completion/complete', '"ref":?,"argument":?'],
    ['logging/setLevel', '"level":?'],
    ['resources/subscribe', '"uri":?'],
    ['subscriptions/listen', '"notifications":?'],
    ['initialize', '"protocolVersion":"2025-11-25","capabilities":?,"clientInfo":?'],
  ];

  it.each(ERAS)('changes nothing as part of any request of the %s era', async (era) => {
    for (const poison of POISON) {
      for (const [method, params] of PARAMS) {
        for (const meta of [META, `{${META.slice(1, -1)},"p":${poison}}`, poison]) {
          const said = params.replaceAll('?', () => poison);
          const name = /^"name":"([^"]*)"/.exec(params)?.[1];
          const body = `${requestTo(method)}"_meta":${meta},${said}}}`;
          const { status, json } = await stage.post(era, body, { method, name });
          expect([body, status, json?.error?.code]).toEqual([
            body,
            expect.not.stringMatching('500'),
            expect.not.stringMatching('-32603'),
          ]);
          expect(status).toBeLessThan(500);
        }
      }
    }
  });

  it('changes nothing in what a member answers, or says of itself', async () => {
    for (const poison of POISON) {
      for (const [kind, as] of [
        ['legacy', 'json'],
        ['legacy', 'events'],
        ['modern', 'json'],
        ['sse', 'events'],
        ['rest', 'json'],
      ] as const) {
        stage.parrot.toSay.set(stage.number + 1, {
          as,
          bytes: (id) => (kind === 'rest' ? Buffer.from(poison) : answerWith(id, Buffer.from(poison))),
        });
        const { status, text } = await stage.call('legacy', kind, Buffer.from('0'));
        expect([kind, as, status, text.includes(poison) || kind === 'rest']).toEqual([kind, as, 200, true]);
      }
    }
    stage.parrot.definitions = POISON.flatMap((poison, at) => [
      `{"name":"a${at}","inputSchema":{"type":"object","properties":${poison}}}`,
      `{"name":"b${at}","inputSchema":${poison},"annotations":${poison}}`,
      `{"name":"c${at}","inputSchema":{"type":"object","default":${poison}},"_meta":${poison}}`,
      poison,
    ]);
    for (const kind of ['legacy', 'modern', 'sse']) expect((await stage.refresh(kind)).outcome).toBe('ok');
    const listed = await stage.post('legacy', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', {});
    expect(listed.text).toContain('legacy_c0');
    stage.parrot.definitions = [];
    for (const kind of ['legacy', 'modern', 'sse']) await stage.refresh(kind);
  });

  it('changes nothing as, or in, a configuration', async () => {
    const member = JSON.stringify(stage.parrot.member('legacy', 'poisoned')).slice(0, -1);
    const spec = JSON.stringify(stage.parrot.restMember('poisoned'));
    for (const poison of POISON) {
      const routes: readonly (readonly [route: string, body: string])[] = [
        ['POST /servers', poison],
        ['POST /servers', `${member},"headers":${poison}}`],
        ['POST /servers', `${member},"tool_permissions":${poison}}`],
        ['POST /servers', `${member},"auth_strategy":"bearer","auth":${poison}}`],
        ['POST /servers', `${member},${poison.slice(1)}`],
        [
          'POST /servers',
          spec.replace('"schema":{}', () => `"schema":{"type":"object","properties":${poison},"default":${poison}}`),
        ],
        [
          'POST /servers',
          spec.replace('"paths":{', () => `"components":{"schemas":${poison}},"paths":{"/x":${poison},`),
        ],
        ['PATCH /servers/rest', poison],
        ['PATCH /servers/rest', `{"headers":${poison},"auth":${poison},"open_api":${poison}}`],
        ['PUT /servers/rest', poison],
        ['PUT /virtual-servers/poisoned', poison],
        ['PUT /virtual-servers/poisoned', `{"label":"x","servers":["rest"],"tools":["*"],"names":${poison}}`],
        ['PUT /roles/poisoned', `{"description":"x","permissions":${poison}}`],
        ['POST /principals', poison],
        ['POST /api-keys', poison],
        ['PUT /issuers/poisoned', `{"kind":"jwt","issuer":"http://127.0.0.1:1/a","role_map":${poison}}`],
        ['PUT /roles/__proto__', '{"description":"x","permissions":{"tools":["*"],"servers":[],"virtual_servers":[]}}'],
        ['PUT /virtual-servers/__proto__', '{"label":"x","servers":["rest"]}'],
        ['POST /servers', `{"id":"__proto__","type":"http","endpoint":"http://127.0.0.1:1/mcp"}`],
        [
          'POST /servers',
          `{"id":"constructor","type":"http","endpoint":"http://127.0.0.1:1/mcp","health_check":{"enabled":false}}`,
        ],
      ];
      for (const [route, body] of routes) {
        const { status, text } = await stage.api(route, body);
        expect([route, body, status < 500, text]).toEqual([route, body, true, text]);
        if (status === 201 && body.includes('poisoned')) await stage.api('DELETE /servers/poisoned');
      }
      await stage.api('DELETE /servers/constructor');
    }
  }, 120_000);
});

describe('the watch over prototypes', () => {
  it.each<[string, object]>([
    ['every object', Object.prototype],
    ['every list', Array.prototype],
    ['every function', Function.prototype],
  ])('sees what is put into the one of %s', (_of, prototype) => {
    Object.defineProperty(prototype, 'polluted', { value: 1, configurable: true });
    try {
      expect(stage.changes).toEqual([expect.stringMatching(/polluted$/)]);
    } finally {
      delete (prototype as { polluted?: unknown }).polluted;
    }
    expect(stage.changes).toEqual([]);
  });
});
