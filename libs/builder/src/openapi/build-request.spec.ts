import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as reference from 'openapi-fetch';
import { buildRequest } from './build-request.js';
import { compileOperations } from './compile-operations.js';
import type { OpenApiOperation, OperationParameter } from './openapi-operation.js';
import { InvalidArgumentsError } from './openapi.errors.js';
import { parseDocument } from './parse-document.js';

const BASE = new URL('https://api.example/v1/');
type Options = Partial<OperationParameter>;

const parameter = (name: string, place: OperationParameter['in'], more: Options = {}): OperationParameter => ({
  argument: name,
  name,
  in: place,
  required: place === 'path',
  style: place === 'query' || place === 'cookie' ? 'form' : 'simple',
  explode: place === 'query' || place === 'cookie',
  ...more,
});

function operation(
  path: string,
  parameters: OperationParameter[],
  more: Partial<OpenApiOperation> = {},
): OpenApiOperation {
  const required = parameters.filter((each) => each.required).map(({ argument }) => argument);
  return {
    name: 'tool',
    description: '',
    inputSchema: { type: 'object', required },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    method: 'GET',
    path,
    parameters,
    ...more,
  };
}

function faultsOf(tool: OpenApiOperation, args: unknown) {
  try {
    buildRequest(tool, args, BASE);
  } catch (error) {
    if (error instanceof InvalidArgumentsError) return error.faults;
    throw error;
  }
  return [];
}

describe('a value in a path', () => {
  const one = operation('/users/{id}/files', [parameter('id', 'path')]);

  it.each([
    '..',
    '.',
    '%2e%2e',
    '%2E',
    '%252e%252e',
    '..%2f',
    '..%5c',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    'a%3fb',
    'a%2523b',
    '',
    'a\0b',
    'a%00',
    'a\nb',
    '\u007f',
    '..;x',
    '%2e.;',
    '\u2025',
    '\uff0e\uff0e',
    '%c0%ae%c0%ae',
    '%c0%af',
    '\ud800',
  ])('is refused by the name of its argument: %j', (id) => {
    expect(faultsOf(one, { id })).toEqual([{ path: 'id', message: expect.any(String) }]);
    expect(faultsOf(one, { id: ['a', id] })).toEqual([{ path: 'id', message: expect.any(String) }]);
  });

  it.each([
    ['a b', 'a%20b'],
    ["!'()*", '%21%27%28%29%2A'],
    ['ü・。', '%C3%BC%E3%83%BB%E3%80%82'],
    ['%zz', '%25zz'],
    ['100%', '100%25'],
    ['...', '...'],
    ['a;b=c&d', 'a%3Bb%3Dc%26d'],
    [7, '7'],
    [false, 'false'],
  ])('is encoded: %j', (id, encoded) => {
    expect(buildRequest(one, { id }, BASE).path).toBe(`/v1/users/${encoded}/files`);
  });

  const templates = ['/users/{id}/files', '/{id}', '/a/{id}.{kind}', '/{id}{kind}', '/.{id}', '/{id}:run', '/x/{id}/'];
  const piece = fc.constantFrom(
    '.',
    '..',
    '/',
    '\\',
    '?',
    '#',
    '%',
    '%2e',
    '%2f',
    '%5c',
    '%25',
    '25',
    '2e',
    ';',
    '\0',
    '\t',
    '．',
    'a',
    '@',
    ':',
    '//',
  );
  const hostile = fc.oneof(
    fc.array(piece, { maxLength: 6 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const value = fc.oneof(
    { weight: 4, arbitrary: hostile },
    fc.array(hostile, { maxLength: 3 }),
    fc.dictionary(hostile, hostile, { maxKeys: 2 }),
  );
  const style = fc.constantFrom<OperationParameter['style']>('simple', 'label', 'matrix');
  const bases = ['https://api.example', 'https://api.example/v1/', 'https://api.example/a/b%20c?key=1'].map(
    (url) => new URL(url),
  );

  it('never changes origin, prefix or the number of segments', () => {
    let built = 0;
    const property = fc.property(
      fc.constantFrom(...templates),
      fc.constantFrom(...bases),
      value,
      hostile,
      style,
      fc.boolean(),
      (path, base, id, kind, chosen, explode) => {
        const tool = operation(path, [
          parameter('id', 'path', { style: chosen, explode }),
          parameter('kind', 'path', { required: false }),
        ]);
        const args = path.includes('{kind}') ? { id, kind } : { id };
        const prefix = base.pathname.replace(/\/$/, '');
        try {
          const url = new URL(buildRequest(tool, args, base).path, base);
          expect(url.origin).toBe(base.origin);
          expect(url.pathname.startsWith(`${prefix}/`)).toBe(true);
          expect(url.pathname.split('/')).toHaveLength(`${prefix}${path}`.split('/').length);
          expect(url.search).toBe(base.search);
          expect(decodeURIComponent(url.pathname).split(/[/\\]/)).not.toContain('..');
          built++;
        } catch (error) {
          if (!(error instanceof InvalidArgumentsError)) throw error;
        }
      },
    );
    fc.assert(property, { numRuns: 10_000 });
    expect(built).toBeGreaterThan(500);
  });
});

describe('the arguments of a call', () => {
  const tool = operation('/{id}', [
    parameter('id', 'path'),
    parameter('q', 'query', { required: true }),
    parameter('X-A', 'header'),
  ]);

  it('are faulted all at once, by name and without their values', () => {
    expect(() => buildRequest(tool, { id: '../topsecret', other: 'topsecret', 'X-A': 'topsecret\n' }, BASE)).toThrow(
      expect.objectContaining({
        code: 'COMPOSER_OPENAPI_INVALID_ARGUMENTS',
        status: 422,
        message: expect.not.stringContaining('topsecret'),
        faults: [
          { path: 'q', message: 'is required' },
          { path: 'other', message: 'is not an argument of this tool' },
          { path: 'id', message: expect.stringContaining('path') },
          { path: 'X-A', message: expect.stringContaining('line breaks') },
        ],
      }),
    );
  });

  it.each([[[]], ['x'], [7]])('must be an object: %j', (args) => {
    expect(faultsOf(tool, args)).toEqual([{ path: '', message: 'expected an object' }]);
  });

  it('count only if they are own members', () => {
    const inherited = Object.create({ id: 'x', q: 'y' }) as object;
    expect(faultsOf(tool, inherited).map(({ path }) => path)).toEqual(['id', 'q']);
    const constructorTool = operation('/', [parameter('constructor', 'query')]);
    expect(buildRequest(constructorTool, {}, BASE).path).toBe('/v1/');
  });

  it('may not nest without end', () => {
    let deep: unknown = 'x';
    for (let level = 0; level < 100; level++) deep = [deep];
    expect(faultsOf(tool, { id: 'a', q: deep })).toEqual([{ path: '', message: 'nested deeper than 64 levels' }]);
  });

  it('may not make an address without end', () => {
    expect(faultsOf(tool, { id: 'a', q: 'x'.repeat(70_000) })[0]?.message).toContain('65536');
  });
});

describe('a query', () => {
  const pathWith = (value: unknown, more: Options = {}, base = BASE) =>
    buildRequest(operation('/s', [parameter('color', 'query', more)]), { color: value }, base).path.replace(
      '/v1/s',
      '',
    );
  const list = ['blue', 'black', 'brown'];
  const object = { R: 100, G: 200 };

  it.each<[string, unknown, Options, string]>([
    ['form exploded', list, {}, '?color=blue&color=black&color=brown'],
    ['form', list, { explode: false }, '?color=blue,black,brown'],
    ['spaceDelimited', list, { style: 'spaceDelimited', explode: false }, '?color=blue%20black%20brown'],
    ['pipeDelimited', list, { style: 'pipeDelimited', explode: false }, '?color=blue%7Cblack%7Cbrown'],
    ['form exploded', object, {}, '?R=100&G=200'],
    ['form', object, { explode: false }, '?color=R,100,G,200'],
    ['spaceDelimited', object, { style: 'spaceDelimited', explode: false }, '?color=R%20100%20G%20200'],
    ['pipeDelimited', object, { style: 'pipeDelimited', explode: false }, '?color=R%7C100%7CG%7C200'],
    ['deepObject', object, { style: 'deepObject' }, '?color%5BR%5D=100&color%5BG%5D=200'],
    [
      'deepObject',
      { a: { b: [1, 2] } },
      { style: 'deepObject' },
      '?color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D=2',
    ],
    ['json', { a: 1 }, { json: true }, '?color=%7B%22a%22%3A1%7D'],
    ['form', 'a/b?c&d=é +', {}, '?color=a%2Fb%3Fc%26d%3D%C3%A9%20%2B'],
    [
      'form with reserved characters',
      "a/b?c&d=#[é]+:@!$'()*,;",
      { allowReserved: true },
      '?color=a/b?c%26d%3D%23%5B%C3%A9%5D%2B:@!$%27()*,;',
    ],
    ['form with reserved and encoded characters', '%2f/100%', { allowReserved: true }, '?color=%2f/100%25'],
    ['form', [{ a: 1 }], {}, '?color=%7B%22a%22%3A1%7D'],
  ])('writes %s: %j', (_style, value, more, query) => {
    expect(pathWith(value, more)).toBe(query);
  });

  it.each([null, '', [], {}, [null]])('leaves out %j', (value) => {
    expect(pathWith(value)).toBe('');
  });

  it('keeps the query of the endpoint', () => {
    expect(pathWith('x', {}, new URL('https://api.example/v1?version=2'))).toBe('?version=2&color=x');
  });

  it('takes no second parameter from a name or a value', () => {
    const hostile = fc.string({ unit: fc.constantFrom('a', '&', '=', '#', '%26', '%', ' ', '+', '[', ']', '?') });
    const styles = fc.constantFrom<Options>({}, { explode: false }, { style: 'deepObject' }, { allowReserved: true });
    const property = fc.property(hostile, hostile, styles, (key, value, more) => {
      const query = pathWith({ [key]: value }, more);
      expect(query.split('&')).toHaveLength(1);
      expect(query).not.toContain('#');
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it('says the same as openapi-fetch wherever that encodes names and separators', () => {
    const scalar = fc.oneof(fc.integer(), fc.string({ minLength: 1, unit: 'grapheme-ascii' }));
    const key = fc.stringMatching(/^[a-z]{1,5}$/);
    const values = fc.oneof(fc.array(scalar, { minLength: 1 }), fc.dictionary(key, scalar, { minKeys: 1 }));
    const property = fc.property(values, fc.boolean(), (value, explode) => {
      const theirs = reference.createQuerySerializer({
        array: { style: 'form', explode },
        object: { style: 'form', explode },
      });
      const normal = (query: string) =>
        new URL(`http://host/?${query}`).search.replace(/%2[178-9A]|%27/g, (code) => decodeURIComponent(code));
      expect(normal(pathWith(value, { explode }).slice(1))).toBe(normal(theirs({ color: value })));
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});

describe('a path', () => {
  const list = ['blue', 'black'];
  const object = { R: 100, G: 200 };

  it.each<[OperationParameter['style'], boolean, unknown, string]>([
    ['simple', false, list, 'blue,black'],
    ['simple', true, list, 'blue,black'],
    ['simple', false, object, 'R,100,G,200'],
    ['simple', true, object, 'R=100,G=200'],
    ['pipeDelimited', true, list, 'blue%7Cblack'],
    ['spaceDelimited', false, object, 'R%20100%20G%20200'],
    ['label', false, 'blue', '.blue'],
    ['label', false, list, '.blue,black'],
    ['label', true, list, '.blue.black'],
    ['label', true, object, '.R=100.G=200'],
    ['matrix', false, 'blue', ';color=blue'],
    ['matrix', false, list, ';color=blue,black'],
    ['matrix', true, list, ';color=blue;color=black'],
    ['matrix', true, object, ';R=100;G=200'],
  ])('writes %s, explode %s: %j', (style, explode, value, segment) => {
    const tool = operation('/p/{color}', [parameter('color', 'path', { style, explode })]);
    expect(buildRequest(tool, { color: value }, BASE).path).toBe(`/v1/p/${segment}`);
  });
});

describe('headers', () => {
  const tool = operation('/', [
    parameter('X-List', 'header'),
    parameter('sid', 'cookie'),
    parameter('theme', 'cookie'),
  ]);

  it('come from the operation alone', () => {
    expect(buildRequest(tool, { 'X-List': ['a', 'b'], sid: 'x; y=1', theme: 'ü' }, BASE).headers).toEqual({
      accept: 'application/json, */*;q=0.5',
      'x-list': 'a,b',
      cookie: 'sid=x%3B%20y%3D1; theme=%C3%BC',
    });
    expect(faultsOf(tool, { authorization: 'x' })[0]?.message).toContain('not an argument');
  });

  it.each(['a\r\nb', 'a\nb', 'a\0b', 'a\u2028b', '€', '\u0085'])('take no value such as %j', (value) => {
    expect(faultsOf(tool, { 'X-List': value })).toEqual([{ path: 'X-List', message: expect.any(String) }]);
  });

  it('are left out for arguments that are null or empty', () => {
    for (const nothing of [null, '', [], {}, [null], { a: null }]) {
      const { headers } = buildRequest(tool, { 'X-List': nothing, sid: nothing }, BASE);
      expect(Object.keys(headers)).toEqual(['accept']);
    }
  });

  it('take ISO-8859-1', () => {
    expect(buildRequest(tool, { 'X-List': 'grün\tx' }, BASE).headers['x-list']).toBe('grün\tx');
  });
});

describe('a body', () => {
  function request(content: object, args: object, required = true) {
    const paths = {
      '/x/{id}': {
        post: {
          parameters: [{ name: 'id', in: 'path', required: true, schema: {} }],
          requestBody: { required, content },
        },
      },
    };
    const [tool] = compileOperations(parseDocument({ openapi: '3.0.0', paths })).operations;
    const built = buildRequest(tool as OpenApiOperation, { id__path: '1', id: 'b', ...args }, BASE);
    return { type: built.headers['content-type'], body: built.body };
  }
  const schema = { type: 'object', properties: { id: {}, tags: {}, o: {} } };

  it('is an object of the arguments that are given', () => {
    expect(request({ 'application/json': { schema } }, { tags: null })).toEqual({
      type: 'application/json',
      body: '{"id":"b","tags":null}',
    });
    expect(request({ 'application/vnd.api+json': { schema } }, {}).type).toBe('application/vnd.api+json');
  });

  it('takes further properties only where the document invites them', () => {
    const open = { ...schema, additionalProperties: true };
    expect(request({ 'application/json': { schema: open } }, { extra: 1 }).body).toBe('{"id":"b","extra":1}');
    expect(() => request({ 'application/json': { schema: open } }, { ['__proto__']: 1 })).toThrow(
      InvalidArgumentsError,
    );
    expect(() => request({ 'application/json': { schema } }, { extra: 1 })).toThrow(InvalidArgumentsError);
  });

  it('is a form where the document says so', () => {
    const encoding = { o: { style: 'deepObject', explode: true } };
    expect(
      request({ 'application/x-www-form-urlencoded': { schema, encoding } }, { tags: ['a&b', 'c'], o: { k: 'v v' } }),
    ).toEqual({
      type: 'application/x-www-form-urlencoded',
      body: 'id=b&tags=a%26b&tags=c&o%5Bk%5D=v%20v',
    });
    expect(request({ 'application/x-www-form-urlencoded': { schema } }, { o: { k: 1 } }).body).toBe(
      'id=b&o=%7B%22k%22%3A1%7D',
    );
  });

  it('is left out if it is optional and no argument of it is given', () => {
    expect(request({ 'application/json': { schema } }, { id: undefined }, false)).toEqual({
      type: undefined,
      body: undefined,
    });
    expect(request({ 'application/json': { schema } }, { id: undefined }).body).toBe('{}');
  });

  it('is one argument if it is no plain object', () => {
    const paths = (content: object) => ({ '/x': { post: { requestBody: { required: true, content } } } });
    const tool = (content: object) =>
      compileOperations(parseDocument({ openapi: '3.0.0', paths: paths(content) })).operations[0] as OpenApiOperation;
    const list = tool({ 'application/json': { schema: { type: 'array' } } });
    expect(buildRequest(list, { body: [1, null] }, BASE).body).toBe('[1,null]');
    const text = tool({ 'text/plain': {} });
    expect(buildRequest(text, { body: 'é' }, BASE)).toMatchObject({
      body: 'é',
      headers: { 'content-type': 'text/plain;charset=utf-8' },
    });
    expect(faultsOf(text, { body: {} })).toEqual([{ path: 'body', message: 'must be text' }]);
    expect(faultsOf(list, {})).toEqual([{ path: 'body', message: 'is required' }]);
  });
});
