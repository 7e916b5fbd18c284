import { describe, expect, it } from '@jest/globals';
import { compileOperations } from './compile-operations.js';
import { InvalidDocumentError } from './openapi.errors.js';
import { parseDocument } from './parse-document.js';

const HEAD = 'openapi: 3.0.0\npaths: {}\n';
const read = (yaml: string): unknown => parseDocument(HEAD + yaml).root['x'];

function faultOf(yaml: string): string {
  try {
    read(yaml);
  } catch (error) {
    if (error instanceof InvalidDocumentError) return error.message;
    throw error;
  }
  throw new Error('the document was accepted');
}

describe('merge keys of YAML', () => {
  it('give an operation the parameters that others share', () => {
    const yaml = [
      'openapi: 3.0.0',
      'x-list: &list',
      '  parameters: [{ name: account, in: query, required: true, schema: { type: string } }]',
      'paths:',
      '  /things:',
      '    delete:',
      '      <<: *list',
      '      operationId: drop',
    ].join('\n');
    const [drop] = compileOperations(parseDocument(yaml)).operations;
    expect(drop).toMatchObject({ name: 'drop', inputSchema: { required: ['account'] } });
  });

  it.each([
    ['one map', 'a: &a { k: 1, l: 2 }\nx: { <<: *a, m: 3 }', { k: 1, l: 2, m: 3 }],
    ['an own member before and after', 'a: &a { k: 1, l: 2 }\nx: { k: 0, <<: *a, l: 0 }', { k: 0, l: 0 }],
    [
      'several maps, the first of which wins',
      'a: &a { k: 1 }\nb: &b { k: 2, l: 2 }\nx: { <<: [*a, *b] }',
      { k: 1, l: 2 },
    ],
    ['several merge keys', 'a: &a { k: 1 }\nb: &b { k: 2, l: 2 }\nx:\n  <<: *a\n  <<: *b', { k: 1, l: 2 }],
    ['a map that merges itself', 'a: &a { k: 1 }\nb: &b { <<: *a, l: 2 }\nx: { <<: *b }', { k: 1, l: 2 }],
    ['a map in place', 'x: { <<: { k: 1 }, l: 2 }', { k: 1, l: 2 }],
    ['a map with an anchor of its own', 'x: { <<: &a { k: 1 }, l: *a }', { k: 1, l: { k: 1 } }],
    ['no merging where the key is quoted', 'a: &a { k: 1 }\nx: { "<<": *a }', { '<<': { k: 1 } }],
  ])('resolve %s', (_what, yaml, value) => {
    expect(read(yaml)).toEqual(value);
    expect(parseDocument(HEAD + yaml).repeated).toBeUndefined();
  });

  it.each(['x: { <<: 1 }', 'x: { <<: [{ a: 1 }, b] }', 'x:\n  <<:', 'a: &a [1]\nx: { <<: [*a] }'])(
    'of what is no map refuse the document with the place: %s',
    (yaml) => {
      expect(faultOf(yaml)).toMatch(/a merge key \(<<\) of what is no map in line \d+, column \d+$/);
    },
  );

  it('that copy more than a document may have refuse it before they have', () => {
    const large = Array.from({ length: 10_000 }, (_, n) => `k${n}: 1`).join(', ');
    const chain = Array.from({ length: 200 }, (_, n) => `b${n}: &b${n} { <<: *${n ? `b${n - 1}` : 'a'}, l: 1 }`);
    expect(faultOf([`a: &a { ${large} }`, ...chain].join('\n'))).toContain('copy more than 1000000 values');
  });
});

describe('anchors of YAML', () => {
  it('are what stood last under their name, as often as they are wanted', () => {
    const many = Array.from({ length: 200 }, () => '*a').join(', ');
    expect(read(`a: &a 1\nb: &a { c: 2 }\nx: [${many}]`)).toEqual(Array(200).fill({ c: 2 }));
  });

  it.each(['x: *a', 'x: &a [*a]', 'x: [*a, &a 1]', 'a: &a 1\nx: &a { b: [*a] }'])(
    'that are unknown or within themselves refuse the document: %s',
    (yaml) => {
      expect(faultOf(yaml)).toMatch(/an alias of an anchor that is unknown, or not yet complete, in line \d+/);
    },
  );
});

describe('keys of YAML', () => {
  it('are text, whatever they look like', () => {
    expect(read('x: { 200: a, 1.0: b, true: c, null: d, ~: e, 0x10: f, : g }')).toEqual({
      200: 'a',
      '1.0': 'b',
      true: 'c',
      null: 'd',
      '~': 'e',
      '0x10': 'f',
      '': 'g',
    });
  });

  it.each(['x: { [a]: b }', 'x: { ? { a: b } : c }', 'a: &a k\nx: { *a : b }'])(
    'that are no text refuse the document: %s',
    (yaml) => {
      expect(faultOf(yaml)).toMatch(/in line \d+, column \d+$/);
    },
  );
});
