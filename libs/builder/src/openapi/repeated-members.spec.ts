import { describe, expect, it } from '@jest/globals';
import { compileOperations } from './compile-operations.js';
import { parseDocument } from './parse-document.js';

const JSON_TEXT = `{"openapi":"3.1.0","info":{"title":"a","title":"b"},"paths":{
  "/a":{"get":{"operationId":"one"}},
  "/\\u0061":{"get":{"operationId":"two"},"get":{"operationId":"three"},"x-[{":["\\"",{"get":{}}]},
  "/b":{"parameters":[],"parameters":[]}},
  "x":[{"get":1},{"get":2}]}`;
const YAML = `
openapi: 3.1.0
info: { title: a, title: b }
paths:
  /a: { get: { operationId: one } }
  "/\\u0061":
    get: { operationId: two }
    get: { operationId: three }
  /b: { parameters: [], parameters: [] }
`;

describe('members that stand more than once in their map', () => {
  it.each([
    ['JSON', JSON_TEXT],
    ['YAML', YAML],
  ])('lose all but the last in %s, and it is told', (_format, text) => {
    const { operations, skipped, notes } = compileOperations(parseDocument(text));
    const lost = 'stands more than once in the document, and only the last is read';
    expect(operations.map(({ name }) => name)).toEqual(['three']);
    expect(new Set(skipped)).toEqual(
      new Set([
        { operation: '* /a', reason: `the path ${lost}` },
        { operation: 'GET /a', reason: `the operation ${lost}` },
      ]),
    );
    expect(notes).toEqual([
      { operation: '*', note: '"info/title" stands more than once, and only the last is read' },
      { operation: '*', note: '"paths//b/parameters" stands more than once, and only the last is read' },
    ]);
  });

  it('are told with their operation in YAML, however deep they are', () => {
    const { notes } = compileOperations(
      parseDocument('openapi: 3.1.0\npaths:\n  /a: { get: { responses: { 200: { x: 1, x: 2 } } } }'),
    );
    expect(notes).toEqual([
      { operation: 'GET /a', note: '"responses/200/x" stands more than once, and only the last is read' },
    ]);
  });

  it('are told once each, and a hundred of them at most', () => {
    const many = Array.from({ length: 500 }, (_, n) => `"k${n >> 1}":0`).join();
    const { repeated } = parseDocument(`{"openapi":"3.1.0","paths":{},"x":{"a":1,"a":2,"a":3,${many}}}`);
    expect(repeated?.slice(0, 2)).toEqual([
      ['x', 'a'],
      ['x', 'k0'],
    ]);
    expect(repeated).toHaveLength(100);
  });

  it('are none where lists and texts only look like maps', () => {
    const text =
      '{"openapi":"3.1.0","paths":{"/a":{}},"x":["a","a",{"b":1},{"b":1}],"y":"\\"a\\":1,\\"a\\":2","z":{"c":"c"}}';
    expect(parseDocument(text).repeated).toBeUndefined();
  });
});
