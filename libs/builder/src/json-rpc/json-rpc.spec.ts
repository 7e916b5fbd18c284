import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyEdits, insertMembers } from './json-edit.js';
import { parseMessage } from './json-rpc-message.js';
import { MessageError, NotJsonError } from './json-rpc.errors.js';
import { scanList, scanObject } from './json-scan.js';

const call = (text: string) => parseMessage(Buffer.from(text));
const at = (raw: Buffer, span?: { start: number; end: number }) => span && raw.toString('utf8', span.start, span.end);

describe('parseMessage', () => {
  it('finds id, name, _meta and progress token as they stand in the bytes', () => {
    const { raw, places, id, method } = call(
      ' { "jsonrpc":"2.0", "id" : 7,"method":"tools/call","params":{"arguments":{"name":"no"},"n\\u0061me" : "a_\\"b","_meta":{"progressToken":"p"}}}',
    );
    expect({ id, method }).toEqual({ id: 7, method: 'tools/call' });
    expect(at(raw, places.id)).toBe('7');
    expect(at(raw, places.target)).toBe('"a_\\"b"');
    expect(at(raw, places.meta)).toBe('{"progressToken":"p"}');
    expect(at(raw, places.progressToken)).toBe('"p"');
  });

  it.each([
    ['prompts/get', '{"uri":"no","name":"greet"}', '"greet"'],
    ['resources/read', '{"name":"no","uri":"test://a"}', '"test://a"'],
    ['completion/complete', '{"name":"no","ref":{"type":"ref/prompt","uri":"no","name":"greet"}}', '"greet"'],
    ['completion/complete', '{"ref":{"name":"no","uri":"a://{b}","type":"ref/resource"}}', '"a://{b}"'],
    ['completion/complete', '{"ref":"greet"}', undefined],
    ['completion/complete', '{}', undefined],
    ['tools/list', '{"name":"no"}', undefined],
    ['constructor', '{"name":"no"}', undefined],
  ])('finds what is asked for by %s with %s', (method, params, wanted) => {
    const { raw, places } = call(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`);
    expect(at(raw, places.target)).toBe(wanted);
  });

  it.each([
    [
      'a doubled name in a ref',
      '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","name":"b"}}}',
      -32600,
    ],
    ['no JSON', '{', -32700],
    ['nothing', '', -32700],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600],
    ['another protocol', '{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ['a fractional id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600],
    ['an id beyond 2^53', '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', -32600],
    ['positional params', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600],
    ['a doubled name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\\u0061me":"b"}}', -32600],
    ['a doubled id', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32600],
    [
      'too much depth',
      `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":${'['.repeat(70)}${']'.repeat(70)}}}`,
      -32600,
    ],
  ])('refuses %s', (_, text, code) => {
    expect(() => call(text)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(() => parseMessage(Buffer.from([0x22, 0xff, 0x22]))).toThrow(MessageError);
  });
});

describe('scanObject and scanList', () => {
  it('find every member and element of whatever JSON.stringify writes', () => {
    const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 }));
    fc.assert(
      fc.property(object, fc.array(fc.jsonValue({ maxDepth: 4 })), fc.boolean(), (value, list, pretty) => {
        const text = (json: unknown) => Buffer.from(JSON.stringify(json, null, pretty ? 2 : 0));
        const found: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
        const raw = text(value);
        expect(scanObject(raw, 0, (key, span) => (found[key] = JSON.parse(at(raw, span)!)))).toBe(raw.length);
        expect(JSON.stringify(found)).toBe(JSON.stringify(value));
        const rawList = text(list);
        expect(scanList(rawList, 0).map((span) => JSON.parse(at(rawList, span)!) as unknown)).toEqual(
          JSON.parse(rawList.toString()),
        );
      }),
      { numRuns: 1000 },
    );
  });
});

describe('scanObject on bytes that are no JSON', () => {
  it('comes to an end, whatever the bytes', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', 'a', '1', ' ', '\u0000', '"k":');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const raw = Buffer.from(pieces.join(''));
        for (const scan of [() => scanObject(raw, 0, () => undefined), () => scanList(raw, 0)]) {
          try {
            scan();
          } catch (error) {
            expect(error).toBeInstanceOf(NotJsonError);
          }
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe('applyEdits', () => {
  it('replaces and inserts in one go, whatever the order of the edits', () => {
    const raw = Buffer.from('{"id":1,"params":{"name":"a_b"}}');
    const edits = [
      { start: 25, end: 30, bytes: Buffer.from('"b"') },
      { start: 6, end: 7, bytes: Buffer.from('"x"') },
      insertMembers(raw, { start: 17, end: 31 }, '"_meta":{}'),
    ];
    expect(applyEdits(raw, edits).toString()).toBe('{"id":"x","params":{"_meta":{},"name":"b"}}');
  });

  it('inserts into an empty object without a comma too many', () => {
    const raw = Buffer.from('{ }');
    expect(applyEdits(raw, [insertMembers(raw, { start: 0, end: 3 }, '"a":1')]).toString()).toBe('{"a":1 }');
  });
});
