import { describe, expect, it } from '@jest/globals';
import { mirroredIn, mirroringHeaders, mismatchIn } from './mirrored-params.js';

const text = { type: 'string', 'x-mcp-header': 'Region' };
const schema = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

describe('mirroredIn', () => {
  it('finds what chains of properties lead to', () => {
    const count = { type: 'integer', 'x-mcp-header': 'X-Count' };
    expect(mirroredIn(schema({ region: text, page: schema({ count }), plain: { type: 'number' } }))).toEqual([
      { header: 'mcp-param-region', path: ['region'], type: 'string' },
      { header: 'mcp-param-x-count', path: ['page', 'count'], type: 'integer' },
    ]);
    expect(mirroredIn({ type: 'object' })).toEqual([]);
  });

  it('takes a property, and data, of that name for what they are', () => {
    expect(mirroredIn(schema({ 'x-mcp-header': { type: 'string', default: { 'x-mcp-header': 'a' } } }))).toEqual([]);
  });

  const wrong: Record<string, object> = {
    'of the whole': { ...schema({}), ...text },
    'of a number': schema({ a: { ...text, type: 'number' } }),
    'of an object': schema({ a: { ...text, type: 'object' } }),
    'of no type': schema({ a: { 'x-mcp-header': 'A' } }),
    'without a name': schema({ a: { ...text, 'x-mcp-header': '' } }),
    'with a line end': schema({ a: { ...text, 'x-mcp-header': 'A\r\nB: c' } }),
    'that is no text': schema({ a: { ...text, 'x-mcp-header': 7 } }),
    'twice, but for case': schema({ a: text, b: { ...text, 'x-mcp-header': 'REGION' } }),
    'of items': schema({ a: { type: 'array', items: text } }),
    'of one of several': schema({ a: { anyOf: [text, { type: 'null' }] } }),
    'of what is referred to': schema({}, { $defs: { region: text } }),
    'below a pattern': schema({}, { patternProperties: { '^a': schema({ b: text }) } }),
    'of what follows': schema({}, { if: {}, then: schema({ a: text }) }),
  };
  it.each(Object.keys(wrong))('refuses an annotation %s', (name) => {
    expect(mirroredIn(wrong[name])).toBeUndefined();
  });

  it('looks at no more than anybody writes', () => {
    let deep: object = text;
    for (let depth = 0; depth < 100_000; depth++) deep = schema({ a: deep });
    expect(mirroredIn(deep)).toBeUndefined();
  });
});

describe('a call', () => {
  const mirrored = mirroredIn(
    schema({
      region: text,
      count: { type: 'integer', 'x-mcp-header': 'Count' },
      dry: { type: 'boolean', 'x-mcp-header': 'Dry' },
    }),
  )!;

  it('repeats what is there, encoded where a header could not carry it', () => {
    expect(mirroringHeaders(mirrored, { region: 'Köln', count: 3, dry: false, other: 1 })).toEqual({
      'mcp-param-region': '=?base64?S8O2bG4=?=',
      'mcp-param-count': '3',
      'mcp-param-dry': 'false',
    });
    for (const none of [undefined, null, [], { region: null, count: {}, dry: [] }, { count: 2 ** 60 }]) {
      expect(mirroringHeaders(mirrored, none)).toEqual({});
    }
  });

  it('has no headers of what is inherited', () => {
    const inherited = mirroredIn(schema({ toString: text }))!;
    expect(mirroringHeaders(inherited, {})).toEqual({});
  });

  const args = { region: 'Köln', count: 3 };
  const said = { 'mcp-param-region': '=?base64?S8O2bG4=?=', 'mcp-param-count': '3' };
  it.each<[string, object, string | undefined]>([
    ['what the body says', {}, undefined],
    ['a number in another way', { 'mcp-param-count': '3.0' }, undefined],
    ['more than the body', { 'mcp-param-dry': 'true', 'mcp-param-x': '1' }, undefined],
    ['less than the body', { 'mcp-param-region': undefined }, 'mcp-param-region'],
    ['another text', { 'mcp-param-region': 'Bonn' }, 'mcp-param-region'],
    ['another number', { 'mcp-param-count': '4' }, 'mcp-param-count'],
    ['no base64', { 'mcp-param-region': '=?base64?S8O2bG4?=' }, 'mcp-param-region'],
  ])('whose headers say %s', (_, more, expected) => {
    expect(mismatchIn(mirrored, args, { ...said, ...more })).toBe(expected);
  });
});
