import { describe, expect, it } from '@jest/globals';
import { buildRequest } from './build-request.js';
import { compileOperations } from './compile-operations.js';
import { parseDocument } from './parse-document.js';
import { readPathTemplate } from './path-template.js';

const BASE = new URL('https://api.example/v1?key=1');
const compile = (paths: object) => compileOperations(parseDocument({ openapi: '3.0.3', paths }));

function requestOf(path: string, parameters: object[], args: object) {
  const { operations, skipped } = compile({ [path]: { get: { parameters } } });
  expect(skipped).toEqual([]);
  return buildRequest(operations[0]!, args, BASE).path;
}

const inPlace = (place: string, name: string, more: object = {}) => ({
  name,
  in: place,
  ...(place === 'path' && { required: true }),
  schema: { type: 'string' },
  ...more,
});

describe('a path with a fragment', () => {
  it('tells operations apart and is called without it', () => {
    const { operations, skipped } = compile({
      '/#Action=CreateThing': { get: { operationId: 'create' } },
      '/#Action=DropThing': { get: { operationId: 'drop' } },
      '/things/{id}#full': { get: { operationId: 'full' } },
    });
    expect(skipped).toEqual([]);
    expect(operations.map(({ name, path }) => [name, path])).toEqual([
      ['create', '/'],
      ['drop', '/'],
      ['full', '/things/{id}'],
    ]);
    expect(buildRequest(operations[2]!, { id: 'a' }, BASE).path).toBe('/v1/things/a?key=1');
  });

  it('is refused where the fragment goes on like a path', () => {
    expect(compile({ '/send/#env/v1/{id}': { get: {} } }).skipped).toEqual([
      { operation: '* /send/#env/v1/{id}', reason: 'the path holds a fragment that goes on like a path' },
    ]);
  });
});

describe('a path with a query', () => {
  it('sends its pairs with every call, before those of the arguments', () => {
    expect(requestOf('/rest?method=a.b&full', [inPlace('query', 'q')], { q: 'x y' })).toBe(
      '/v1/rest?key=1&method=a.b&full&q=x%20y',
    );
  });

  it('leaves no argument for what it says itself', () => {
    const parameters = [inPlace('query', 'method', { required: true })];
    const { operations, notes } = compile({ '/rest?method=a': { get: { parameters } } });
    expect(operations[0]!.inputSchema).toEqual({ type: 'object', properties: {}, additionalProperties: false });
    expect(notes).toEqual([
      { operation: 'GET /rest?method=a', note: 'the parameter "method" is left out: it has its value in the path' },
    ]);
  });

  it('makes arguments of the names in it, declared in the path, in the query, or not at all', () => {
    const path = '/sms?from={date_from}&to={to}&order={order}';
    const parameters = [inPlace('path', 'date_from'), inPlace('query', 'to')];
    expect(requestOf(path, parameters, { from: '1&x=2', to: ['a', 'b'] })).toBe(
      '/v1/sms?key=1&from=1%26x%3D2&to=a&to=b',
    );
    expect(requestOf(path, parameters, { from: '1', order: 'up' })).toBe('/v1/sms?key=1&from=1&order=up');
  });

  it.each(['/a?x={b}c', '/a?{b}', '/a?x=y z', '/a?x="y"', '/a?x=%zz', '/a?x={b', '/a?x=\ty', "/a?x='"])(
    'is refused where it is more than names and values: %j',
    (path) => {
      expect(() => readPathTemplate(path)).toThrow('the path holds a query that is more than names and values');
    },
  );

  it('may hold slashes that its author has encoded, and no argument may', () => {
    expect(requestOf('/projects/a%2Fb/{id}', [inPlace('path', 'id')], { id: '7' })).toBe('/v1/projects/a%2Fb/7?key=1');
    expect(requestOf('/projects/a%2F{id}', [inPlace('path', 'id')], { id: '7' })).toBe('/v1/projects/a%2F7?key=1');
    for (const id of ['a/b', 'a%2fb', '..', '%2e%2e']) {
      expect(() => requestOf('/projects/a%2F{id}', [inPlace('path', 'id')], { id })).toThrow(/id: must not/);
    }
  });

  it.each([
    '/../a?x=1',
    '/a/%2e%2e/b',
    '/a\\b',
    '/a b',
    '/a%2f..%2Fb',
    '/..%2fb',
    '/a%2F%2e%2E/b',
    '/a%2F%252e%252e',
    '/a%2F..;x',
    '/a%2F%2Fb',
    '/%2Fevil',
    '/a%2F%5Cb',
    '/a%2F%252Fb',
    '/a\tb',
  ])('is refused for the path itself: %j', (path) => {
    expect(() => readPathTemplate(path)).toThrow('the path holds a dot segment or a character that no path may hold');
  });
});
