import { principalId } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import type { Era, ForwardedMethod, MemberRequest } from '../member.js';
import { notificationFor, requestFor, responseFor } from './answer-translation.js';
import {
  COMPOSER_INFO,
  META_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_VERSION,
  MODERN_VERSION,
} from './mcp-protocol.js';
import { readMemberMessage } from './member-message.js';
import { clientOf } from '../../testing/client-of.js';

type Params = Record<string, unknown>;
interface Sent {
  readonly id: unknown;
  readonly params: Params & { readonly _meta?: Params };
}

const callOf = (text: string, era: Era, target: string): MemberRequest => ({
  method: 'tools/call',
  target,
  client: clientOf(era),
  headers: {},
  principalId: principalId('p'),
  message: parseMessage(Buffer.from(text)),
});
const call = (era: Era, params: Params, { id = 'caller-1', tool = 'echo' }: { id?: unknown; tool?: string } = {}) =>
  callOf(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }), era, tool);
const sent = (toolCall: MemberRequest, memberEra: Era, id = 7) =>
  JSON.parse(requestFor(toolCall, memberEra, id).toString()) as Sent;

const MODERN_META = { [META_VERSION]: MODERN_VERSION, [META_CAPABILITIES]: { sampling: {} } };
const PLAIN = { name: 'crm_echo', arguments: { name: 'crm_echo', deep: [{ id: 1 }] } };

describe('requestFor', () => {
  it('gives a modern member of a modern caller the caller’s bytes with another name', () => {
    const text =
      ' {"jsonrpc" : "2.0","id": 1.0e0, "method":"tools/call","params":{"x":1.50,"name":"crm_echo","_meta":{"progressToken":"p"}}}';
    expect(requestFor(callOf(text, 'modern', 'echo'), 'modern', 7).toString()).toBe(text.replace('crm_echo', 'echo'));
  });

  it('changes no byte when even the name is the same', () => {
    const text = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}';
    expect(requestFor(callOf(text, 'modern', 'echo'), 'modern', 7).toString()).toBe(text);
  });

  it('leaves out that a call is to be a task of revision 2025-11-25, which the composer has not said it carries', () => {
    const call = callOf(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"task":{"ttl":1},"name":"echo", "x":1.50}}',
      'legacy',
      'echo',
    );
    expect(requestFor(call, 'legacy', 7).toString()).toBe(
      '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","x":1.50}}',
    );
  });

  it.each([
    ['prompts/get', '{"name":"crm_greet","arguments":{"name":"crm_greet"}}', 'crm_greet', 'greet'],
    ['resources/read', '{"uri":"mcp+crm:a://b","name":"x"}', 'mcp+crm:a://b', 'a://b'],
    ['completion/complete', '{"ref":{"type":"ref/prompt","name":"crm_g"},"argument":{}}', 'crm_g', 'g'],
  ] as const)('changes of %s with %s only what is asked for', (method, params, from, target) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
    const request = { ...callOf(text, 'modern', target), method };
    expect(requestFor(request, 'modern', 7).toString()).toBe(text.replace(from, target));
  });

  it('gives a legacy member an id and a progress token of the link, because callers share one session', () => {
    for (const era of ['legacy', 'modern'] as const) {
      const meta = { ...(era === 'modern' ? MODERN_META : {}), progressToken: 'mine', other: 1 };
      expect(sent(call(era, { ...PLAIN, _meta: meta }), 'legacy')).toMatchObject({
        id: 7,
        params: { name: 'echo', arguments: PLAIN.arguments, _meta: { progressToken: 7, other: 1 } },
      });
    }
  });

  it('invents no progress token for a caller that wants no progress', () => {
    expect(sent(call('legacy', { ...PLAIN, _meta: {} }), 'legacy').params._meta).toEqual({});
    expect(sent(call('legacy', PLAIN), 'legacy').params._meta).toBeUndefined();
  });

  it.each([
    ['without _meta', {}],
    ['with an empty _meta', { _meta: {} }],
    ['with a _meta of its own', { _meta: { progressToken: 3, other: 'kept' } }],
  ])('tells a modern member what a legacy caller %s does not say', (_, more: { _meta?: Params }) => {
    const { id, params } = sent(call('legacy', { ...PLAIN, ...more }), 'modern');
    expect(id).toBe('caller-1');
    expect(params).toEqual({
      name: 'echo',
      arguments: PLAIN.arguments,
      _meta: {
        ...more._meta,
        [META_VERSION]: MODERN_VERSION,
        [META_CLIENT_INFO]: COMPOSER_INFO,
        [META_CAPABILITIES]: {},
      },
    });
  });

  it('does not let a legacy caller say for itself what a modern client says', () => {
    for (const [before, after] of [
      ['', ''],
      ['"a":1,', ',"b":2'],
    ]) {
      const own = `"${META_CAPABILITIES}":{"sampling":{}},"${META_VERSION}":"1"`;
      const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{${before}${own}${after}}}}`;
      const bytes = requestFor(callOf(text, 'legacy', 'x'), 'modern', 7).toString();
      for (const key of [META_VERSION, META_CLIENT_INFO, META_CAPABILITIES]) expect(bytes.split(key)).toHaveLength(2);
      const meta = (JSON.parse(bytes) as Sent).params._meta;
      expect(meta).toMatchObject({ [META_VERSION]: MODERN_VERSION, [META_CAPABILITIES]: {} });
      expect(meta?.[META_CAPABILITIES]).toEqual({});
    }
  });

  it.each(['{ }', `{${' '.repeat(200)}}`, '5'])('gives a modern member JSON where _meta is %s', (meta) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":${meta}}}`;
    const bytes = requestFor(callOf(text, 'legacy', 'x'), 'modern', 7).toString();
    expect(bytes.split('_meta')).toHaveLength(2);
    expect((JSON.parse(bytes) as Sent).params._meta).toMatchObject({ [META_VERSION]: MODERN_VERSION });
  });

  it('asks a modern member for the log as the session of a legacy caller wants it, and for none without a wish', () => {
    const asked = call('legacy', { ...PLAIN, _meta: { [META_LOG_LEVEL]: 'emergency' } });
    expect(sent({ ...asked, logLevel: 'info' }, 'modern').params._meta).toMatchObject({ [META_LOG_LEVEL]: 'info' });
    expect(sent(call('legacy', PLAIN), 'modern').params._meta).not.toHaveProperty([META_LOG_LEVEL]);
    expect(sent({ ...call('legacy', PLAIN), logLevel: 'info' }, 'legacy').params._meta).toBeUndefined();
  });

  it('carries every name, argument and id through, whatever their characters', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const eras = fc.constantFrom<Era>('legacy', 'modern');
    const property = fc.property(text, text, fc.jsonValue({ maxDepth: 3 }), eras, eras, (tool, id, value, from, to) => {
      const meta = from === 'modern' ? { _meta: MODERN_META } : {};
      const params = { arguments: { value }, name: `crm_${tool}`, ...meta };
      const request = sent(call(from, params, { id, tool }), to);
      expect(request.id).toEqual(to === 'legacy' ? 7 : id);
      expect(request.params['name']).toBe(tool);
      expect(request.params['arguments']).toEqual(JSON.parse(JSON.stringify({ value })));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('finds the name where it is escaped, and is not misled by names inside the arguments', () => {
    const text =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"name":"no","id":9},"n\\u0061me":"crm_\\"q\\"\\u00e9"}}';
    const request = sent(callOf(text, 'legacy', '"q"é'), 'legacy');
    expect(request.params).toEqual({ arguments: { name: 'no', id: 9 }, name: '"q"é' });
  });
});

describe('responseFor', () => {
  interface Asked {
    readonly era?: string;
    readonly memberEra?: Era;
    readonly callerId?: string;
    readonly method?: ForwardedMethod;
    readonly takesTasks?: boolean;
  }
  const answer = (
    text: string,
    askedAs: string,
    {
      era = 'legacy',
      memberEra = 'legacy',
      callerId = '"caller-1"',
      method = 'tools/call',
      takesTasks = false,
    }: Asked = {},
  ) => {
    const asked = { askedAs, callerId: Buffer.from(callerId), memberEra, method, target: 'a://b', takesTasks };
    const context = { ...asked, callerEra: era as Era };
    const given = responseFor(readMemberMessage(Buffer.from(text)), context);
    return given.kind === 'message' ? given.bytes.toString() : given.kind;
  };

  it('puts the caller’s id back and changes no other byte', () => {
    const text = (id: string) => `{ "result" : {"id":7, "x":1.50,"content":[] },"jsonrpc":"2.0", "id" :${id} }`;
    expect(answer(text('7'), '7')).toBe(text('"caller-1"'));
    expect(answer(text('7'), '7', { callerId: '1.0' })).toBe(text('1.0'));
  });

  it.each([
    ['another number', '8', '7'],
    ['a string that looks like the number', '"7"', '7'],
    ['a number that looks like the string', '1', '"1"'],
    ['null', 'null', '7'],
  ])('knows the answer to another request: %s', (_, id, askedAs) => {
    expect(answer(`{"jsonrpc":"2.0","id":${id},"result":{}}`, askedAs)).toBe('stranger');
  });

  it('takes an answer without an id for a stranger', () => {
    expect(answer('{"jsonrpc":"2.0","error":{"code":-32700,"message":"?"}}', '7')).toBe('stranger');
  });

  describe('for a page that comes first', () => {
    const error = (elicitations: unknown, code = -32042) =>
      JSON.stringify({ jsonrpc: '2.0', id: 7, error: { code, message: 'a page first', data: { elicitations } } });
    const page = { mode: 'url', elicitationId: 'e', url: 'https://a.example/p?x=1', message: 'Go' };

    it('says so to a modern caller of a legacy member, whose era has no such error', () => {
      expect(answer(error([page, page]), '7', { era: 'modern' })).toBe('page-required');
    });

    it.each([[[]], [[{ ...page, url: 'javascript:1' }]], [[{ ...page, url: 'https://' }]], [{}], [undefined], ['x']])(
      'takes it for an error like any other where %j names none',
      (elicitations) => {
        expect(answer(error(elicitations), '7', { era: 'modern', callerId: '7' })).toBe(error(elicitations, -32603));
      },
    );

    it.each<Asked>([{ era: 'legacy' }, { era: 'modern', memberEra: 'modern' }])('changes nothing for %j', (asked) => {
      expect(answer(error([page]), '7', { ...asked, callerId: '7' })).toBe(error([page]));
    });
  });

  it('knows an id that the member writes with other escapes', () => {
    const text = '{"jsonrpc":"2.0","id":"a/\u00e9","result":{}}';
    expect(answer(text, '"a\\/\\u00e9"', { callerId: '"a\\/\\u00e9"' })).toBe(
      '{"jsonrpc":"2.0","id":"a\\/\\u00e9","result":{}}',
    );
  });

  it('gives errors as they are, in either era', () => {
    for (const era of ['legacy', 'modern']) {
      const text = '{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no","data":{"resultType":"x"}}}';
      expect(answer(text, '7', { era })).toBe(text.replace('"id":7', '"id":"caller-1"'));
    }
  });

  it('says to modern callers that a result is complete where a legacy member does not', () => {
    const text = (result: string) => `{"jsonrpc":"2.0","id":7,"result":${result}}`;
    const complete = (result: string) =>
      JSON.parse(answer(text(result), '7', { era: 'modern' })) as { result: unknown };
    expect(complete('{"content":[]}').result).toEqual({ resultType: 'complete', content: [] });
    expect(complete('{ }').result).toEqual({ resultType: 'complete' });
    expect(complete('{"resultType":"input_required","inputRequests":{}}').result).toMatchObject({
      resultType: 'input_required',
    });
  });

  it('adds no resultType for legacy callers, and leaves one that says complete', () => {
    const plain = '{"jsonrpc":"2.0","id":7,"result":{"content":[]}}';
    expect(answer(plain, '7')).toBe(plain.replace('"id":7', '"id":"caller-1"'));
    const complete = plain.replace('{"content"', '{"resultType":"complete","content"');
    expect(answer(complete, '7')).toBe(complete.replace('"id":7', '"id":"caller-1"'));
  });

  it('tells when a member asks for input that a legacy caller cannot give', () => {
    const text = '{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{}}}';
    expect(answer(text, '7')).toBe('input-required');
  });

  describe('to resources/read', () => {
    const method = 'resources/read';
    const error = (code: number, data?: object) =>
      JSON.stringify({ jsonrpc: '2.0', id: 'caller-1', error: { code, message: 'gone', ...(data ? { data } : {}) } });
    const told = (text: string, era: Era, memberEra: Era) =>
      JSON.parse(answer(text, '"caller-1"', { era, memberEra, method })) as object;
    const faultOf = (code: number, data?: object) => ({ error: { code, message: 'gone', ...(data ? { data } : {}) } });

    it('says in the caller’s era that a resource is not there', () => {
      const data = { uri: 'a://b' };
      expect(told(error(-32002, data), 'modern', 'legacy')).toMatchObject(faultOf(-32602, data));
      expect(told(error(-32002), 'modern', 'legacy')).toMatchObject(faultOf(-32602, data));
      expect(told(error(-32602, data), 'legacy', 'modern')).toMatchObject(faultOf(-32002, data));
    });

    it('leaves other errors, and those of the caller’s own era', () => {
      expect(told(error(-32602, { uri: 'c' }), 'legacy', 'modern')).toMatchObject(faultOf(-32602));
      expect(told(error(-32602), 'legacy', 'modern')).toMatchObject(faultOf(-32602));
      expect(told(error(-32002), 'legacy', 'legacy')).toMatchObject(faultOf(-32002));
      expect(told(error(-32603), 'modern', 'legacy')).toMatchObject(faultOf(-32603));
      expect(answer(error(-32002), '"caller-1"', { era: 'modern', method: 'tools/call' })).toContain('-32002');
    });

    it('lets a modern caller keep nothing of a member that says nothing of it', () => {
      const text = '{"jsonrpc":"2.0","id":7,"result":{"contents":[]}}';
      expect(JSON.parse(answer(text, '7', { era: 'modern', method }))).toMatchObject({
        result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private', contents: [] },
      });
      expect(answer(text, '7', { method })).toBe(text.replace('"id":7', '"id":"caller-1"'));
    });
  });

  it('gives a task to callers who take one, and says so of any other', () => {
    const text = '{"jsonrpc":"2.0","id":7,"result":{ "taskId":"t-1", "resultType":"task","ttlMs":null}}';
    for (const era of ['legacy', 'modern']) expect(answer(text, '7', { era, memberEra: 'modern' })).toBe('task');
    const mine = answer(text, '7', { era: 'modern', memberEra: 'modern', takesTasks: true });
    expect(mine).toBe(text.replace('"id":7', '"id":"caller-1"'));
  });

  it('is not misled by a resultType deeper inside', () => {
    const text = '{"jsonrpc":"2.0","id":7,"result":{"structuredContent":{"resultType":"input_required"}}}';
    expect(answer(text, '7')).toContain('"caller-1"');
  });
});

describe('notificationFor', () => {
  const told = (text: string, token?: string, [callerEra, memberEra]: readonly [Era, Era] = ['legacy', 'legacy']) =>
    notificationFor(
      readMemberMessage(Buffer.from(text)),
      { callerEra, memberEra },
      token === undefined ? undefined : Buffer.from(token),
    )?.toString();
  const progress = (token: string) =>
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{ "progress":1,"progressToken":${token} }}`;

  it('tells progress under the caller’s own token, as the caller wrote it', () => {
    expect(told(progress('7'), '"mine\\u0021"')).toBe(progress('"mine\\u0021"'));
  });

  it('keeps progress from a caller that asked for none, and progress without a token from everybody', () => {
    expect(told(progress('7'))).toBeUndefined();
    expect(told('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}', '1')).toBeUndefined();
    expect(told('{"jsonrpc":"2.0","method":"notifications/progress"}', '1')).toBeUndefined();
  });

  it('gives log messages as they came, but not to a modern caller who cannot have asked for them', () => {
    const text = '{"jsonrpc":"2.0","method":"notifications/message","params":{"progressToken":7}}';
    expect(told(text, '"mine"')).toBe(text);
    expect(told(text, '"mine"', ['modern', 'legacy'])).toBeUndefined();
    expect(told(text, '"mine"', ['modern', 'modern'])).toBe(text);
  });

  it('gives word of a page that is done with as it came, to legacy callers only', () => {
    const text = '{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}';
    expect(told(text, '"mine"')).toBe(text);
    expect(told(text, '"mine"', ['modern', 'legacy'])).toBeUndefined();
  });

  it.each(['notifications/tools/list_changed', 'notifications/cancelled', 'anything'])(
    'keeps %s to itself',
    (method) => {
      expect(told(`{"jsonrpc":"2.0","method":"${method}","params":{"progressToken":7}}`, '1')).toBeUndefined();
    },
  );
});
