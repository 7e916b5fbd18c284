import { describe, expect, it } from '@jest/globals';
import { compileOperations } from './compile-operations.js';
import type { OpenApiOperation } from './openapi-operation.js';
import { parseDocument } from './parse-document.js';

const compile = (paths: object, options = {}, more: object = {}) =>
  compileOperations(parseDocument({ openapi: '3.0.3', paths, ...more }), options);

function only(paths: object, more: object = {}): OpenApiOperation {
  const { operations, skipped } = compile(paths, {}, more);
  expect(skipped).toEqual([]);
  expect(operations).toHaveLength(1);
  return operations[0] as OpenApiOperation;
}

const query = (schema: object, more: object = {}) => ({
  '/a': { get: { parameters: [{ name: 'q', in: 'query', schema, ...more }] } },
});
const jsonBody = (schema: object, more: object = {}) => ({
  '/a': { post: { requestBody: { required: true, content: { 'application/json': { schema } } }, ...more } },
});
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- schemas are trees of anything, picked apart below
const schemaOf = (paths: object, more: object = {}) => only(paths, more).inputSchema as Record<string, any>;
const q = (schema: object, more: object = {}) => schemaOf(query(schema), more).properties.q as unknown;

describe('the arguments of a tool', () => {
  it('are all its parameters and the members of its body, in one object', () => {
    const paths = {
      '/a/{id}': {
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
          { name: 'x', in: 'query', schema: { type: 'string' } },
        ],
        put: {
          parameters: [
            { name: 'x', in: 'query', required: true, description: 'How\u202e many', schema: { type: 'integer' } },
            { name: 'X-H', in: 'header' },
            { name: 'c', in: 'cookie' },
          ],
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: { type: 'object', required: ['id'], properties: { id: { type: 'number' }, note: {} } },
              },
            },
          },
        },
      },
    };
    const { inputSchema, parameters, body } = only(paths);
    expect(inputSchema).toEqual({
      type: 'object',
      properties: {
        id__path: { type: 'string' },
        x: { type: 'integer', description: 'How many' },
        'X-H': {},
        c: {},
        id: { type: 'number' },
        note: {},
      },
      required: ['id__path', 'x', 'id'],
      additionalProperties: false,
    });
    expect(parameters.map((each) => `${each.in} ${each.name} ${each.argument}`)).toEqual([
      'path id id__path',
      'query x x',
      'header X-H X-H',
      'cookie c c',
    ]);
    expect(body).toEqual({
      contentType: 'application/json',
      kind: 'json',
      required: true,
      additional: false,
      properties: [
        { argument: 'id', name: 'id' },
        { argument: 'note', name: 'note' },
      ],
    });
  });

  it('keep parameters of one name apart by their place', () => {
    const parameters = [
      { name: 'id', in: 'path' },
      { name: 'id', in: 'query' },
      { name: 'body', in: 'query' },
    ];
    const operation = { parameters, requestBody: { content: { 'application/json': { schema: { type: 'array' } } } } };
    expect(Object.keys(schemaOf({ '/{id}': { post: operation } }).properties)).toEqual([
      'id',
      'id__query',
      'body__query',
      'body',
    ]);
  });

  it('take a body together from all its parts, and whole where it is more than an object', () => {
    const parts = [
      { $ref: '#/components/schemas/A' },
      { properties: { b: { type: 'string' }, a: { minimum: 1 } }, required: ['b'] },
    ];
    const components = { schemas: { A: { type: 'object', properties: { a: { type: 'integer' } } } } };
    const merged = schemaOf(jsonBody({ allOf: parts }), { components });
    expect(merged.properties).toEqual({ a: { allOf: [{ type: 'integer' }, { minimum: 1 }] }, b: { type: 'string' } });
    expect(merged.required).toEqual(['b']);
    for (const whole of [
      { oneOf: parts },
      { type: 'object' },
      { type: 'string' },
      {},
      { allOf: [{ type: 'array' }] },
    ]) {
      expect(Object.keys(schemaOf(jsonBody(whole), { components }).properties)).toEqual(['body']);
    }
  });

  it('leave out what only the server sends, wherever it stands', () => {
    const components = { schemas: { Id: { type: 'string', readOnly: true } } };
    const inner = {
      type: 'object',
      required: ['id', 'x'],
      properties: { id: { $ref: '#/components/schemas/Id' }, x: {} },
    };
    const schema = schemaOf(
      jsonBody({ type: 'object', required: ['id', 'inner'], properties: { id: { readOnly: true }, inner } }),
      { components },
    );
    expect(schema.required).toEqual(['inner']);
    expect(schema.properties).toEqual({ inner: { type: 'object', required: ['x'], properties: { x: {} } } });
  });

  it('leave out what one part of a body says that only the server sends', () => {
    const id = { type: 'string', readOnly: true };
    const parts = [
      { required: ['id'], properties: { id } },
      { properties: { id, name: {} } },
      { properties: { id: { minLength: 1 } } },
    ];
    const schema = schemaOf(jsonBody({ allOf: parts }));
    expect([schema.properties, schema.required]).toEqual([{ name: {} }, undefined]);
  });

  it('take what a body must have and nothing describes, unless it may have nothing else', () => {
    const body = { type: 'object', required: ['a', 'b'], properties: { a: { type: 'string' } } };
    const open = schemaOf(jsonBody(body));
    expect([open.properties, open.required]).toEqual([{ a: { type: 'string' }, b: {} }, ['a', 'b']]);
    const closed = schemaOf(jsonBody({ ...body, additionalProperties: false }));
    expect(Object.keys(closed.properties)).toEqual(['a']);
  });

  it('do not set headers that the gateway or the credential owns', () => {
    const names = [
      'Authorization',
      'cookie',
      'HOST',
      'Content-Length',
      'X-Forwarded-For',
      'Mcp-Session-Id',
      'Proxy-Authorization',
      'Forwarded',
      'a b',
      'a:b',
    ];
    const parameters = names.map((name) => ({ name, in: 'header', required: true }));
    const { operations, notes } = compile({
      '/a': { get: { parameters: [...parameters, { name: 'X-Ok', in: 'header' }] } },
    });
    expect(operations[0]?.parameters.map(({ name }) => name)).toEqual(['X-Ok']);
    expect(notes).toHaveLength(names.length);
  });

  it('include path parameters that the document forgot', () => {
    expect(schemaOf({ '/{a}/{b}': { get: { parameters: [{ name: 'b', in: 'path' }] } } }).required).toEqual(['a', 'b']);
  });

  it.each(['__proto__', 'constructor', 'toString'])('may be called %s without harm', (name) => {
    const { operations, notes } = compile({
      '/a': { get: { parameters: [{ name, in: 'query', schema: { type: 'string' } }] } },
    });
    expect(Object.keys(operations[0]?.inputSchema.properties ?? {})).toEqual(notes.length > 0 ? [] : [name]);
    expect(Object.getPrototypeOf(operations[0]?.inputSchema.properties)).toBe(Object.prototype);
  });
});

describe('a schema', () => {
  it.each([
    [{ type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      { type: 'string', enum: ['a'], nullable: true },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [
      { allOf: [{ type: 'string' }], nullable: true, description: 'd' },
      { description: 'd', anyOf: [{ allOf: [{ type: 'string' }] }, { type: 'null' }] },
    ],
    [
      { type: 'integer', minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false },
      { type: 'integer', exclusiveMinimum: 1, maximum: 9 },
    ],
    [
      { type: 'array', items: [{ type: 'string' }, {}] },
      { type: 'array', prefixItems: [{ type: 'string' }, {}] },
    ],
    [{ type: 'file', xml: {}, example: {}, discriminator: {}, 'x-y': 1, required: true }, {}],
    [
      { type: 'string', pattern: '^[a-z]+$', format: 'x' },
      { type: 'string', pattern: '^[a-z]+$', format: 'x' },
    ],
    [{ type: 'string', pattern: '^(a+)+$' }, { type: 'string' }],
    [{ patternProperties: { '(a*)*': {}, '^x': {} } }, { patternProperties: { '^x': {} } }],
    [{ items: null, properties: { a: 7, b: { minLength: -1 } }, enum: [] }, { properties: { b: {} } }],
  ])('becomes JSON Schema: %j', (schema, translated) => {
    expect(q(schema)).toEqual(translated);
  });

  const components = {
    schemas: {
      Node: {
        type: 'object',
        properties: { next: { $ref: '#/components/schemas/Node' }, 'a/b': { $ref: '#/components/schemas/A~1B%20C' } },
      },
      'A/B C': { type: 'string' },
      One: { $ref: '#/components/schemas/Two' },
      Two: { $ref: '#/components/schemas/One' },
      Three: { $ref: '#/components/schemas/Node' },
      Pet: { oneOf: [{ $ref: '#/components/schemas/Cat' }], properties: { name: {} } },
      Cat: { allOf: [{ $ref: '#/components/schemas/Pet' }, { required: ['claws'] }] },
    },
  };
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

  it('that refers to itself becomes a definition', () => {
    const schema = schemaOf(query(ref('Three')), { components });
    expect(schema.properties.q).toEqual({ $ref: '#/$defs/Node' });
    expect(schema.$defs).toEqual({
      Node: { type: 'object', properties: { next: { $ref: '#/$defs/Node' }, 'a/b': { $ref: '#/$defs/A_1B_20C' } } },
      A_1B_20C: { type: 'string' },
    });
  });

  it('that is all of what it is one of does not lead validators in a circle', () => {
    const schema = schemaOf(query(ref('Pet')), { components });
    expect(schema.$defs).toEqual({
      Pet: { oneOf: [{ $ref: '#/$defs/Cat' }], properties: { name: {} } },
      Cat: { allOf: [{}, { required: ['claws'] }] },
    });
  });

  it('keeps what stands next to a reference since 3.1, and only the words before', () => {
    const beside = { ...ref('Node'), description: 'd', maxProperties: 1 };
    expect(q(beside, { components })).toEqual({ $ref: '#/$defs/Node', description: 'd' });
    expect(q(beside, { components, openapi: '3.1.0' })).toEqual({
      $ref: '#/$defs/Node',
      description: 'd',
      maxProperties: 1,
    });
  });

  it('accepts null beside a reference in 3.0, and as one of its types since 3.1', () => {
    const nullable = { anyOf: [{ $ref: '#/$defs/Node' }, { type: 'null' }] };
    expect(q({ ...ref('Node'), nullable: true }, { components })).toEqual(nullable);
    expect(q({ allOf: [ref('Node')], nullable: true }, { components })).toEqual({
      anyOf: [{ allOf: [{ $ref: '#/$defs/Node' }] }, { type: 'null' }],
    });
    for (const openapi of ['3.1.0', '3.2.0']) {
      const schema = { type: ['string', 'null'], enum: ['a', null], const: null, contentMediaType: 'text/csv' };
      expect(q(schema, { openapi })).toEqual(schema);
      expect(q({ oneOf: [ref('Node'), { type: 'null' }] }, { components, openapi })).toEqual({
        oneOf: [{ $ref: '#/$defs/Node' }, { type: 'null' }],
      });
    }
  });

  it('shows how a value is written, and that it should not be sent any more', () => {
    expect(q({ type: 'string', example: 'a', deprecated: true })).toEqual({
      type: 'string',
      examples: ['a'],
      deprecated: true,
    });
    expect(q({ examples: [7, 8] }, { openapi: '3.1.0' })).toEqual({ examples: [7] });
    for (const example of [{ a: 1 }, 'x'.repeat(65), '', null]) expect(q({ example })).toEqual({});
    const parameter = { name: 'q', in: 'query', schema: { type: 'integer', example: 1 }, example: 2, deprecated: true };
    const schema = schemaOf({ '/a': { get: { parameters: [parameter] } } });
    expect(schema.properties.q).toEqual({ type: 'integer', examples: [1], deprecated: true });
    expect(only({ '/a': { get: { summary: 'Old', deprecated: true } } }).description).toBe('Old\n\nDeprecated.');
  });

  it.each(['3.0.3', '3.1.0'])('tells which value its discriminator has for which alternative, in %s', (openapi) => {
    const discriminator = {
      propertyName: 'kind',
      mapping: { node: '#/components/schemas/Node', pet: 'Pet', p2: 'Pet' },
    };
    const schema = q({ oneOf: [ref('Node'), ref('Pet'), ref('Cat'), {}], discriminator }, { components, openapi });
    const of = (name: string, values: string[]) => ({
      $ref: `#/$defs/${name}`,
      properties: { kind: { enum: values } },
      required: ['kind'],
    });
    expect(schema).toEqual({ oneOf: [of('Node', ['node']), of('Pet', ['pet', 'p2']), { $ref: '#/$defs/Cat' }, {}] });
  });

  it.each([
    ['file:///etc/passwd', 'leaves the document'],
    ['http://127.0.0.1/x?token=topsecret', 'leaves the document'],
    ['other.yaml#/A', 'leaves the document'],
    ['x./paths', 'leaves the document'],
    ['#anchor', 'names no place of the document, or more than one'],
    ['#', 'stands for the whole document'],
    ['', 'stands for the whole document'],
    ['#/components/schemas/Nope', 'points at nothing'],
    ['#/constructor', 'points at nothing'],
    ['#/paths/length', 'points at nothing'],
    ['#/components/schemas/One', 'turns in a circle'],
  ])('with the reference %j costs its operation and no other, since it %s', ($ref, why) => {
    const { operations, skipped } = compile(
      { ...query({ type: 'array', items: { $ref } }), '/b': { get: {} } },
      {},
      { components },
    );
    expect(operations.map(({ path }) => path)).toEqual(['/b']);
    expect(skipped).toEqual([{ operation: 'GET /a', reason: expect.stringContaining(why) }]);
    expect(skipped[0]?.reason).not.toContain('topsecret');
  });
});
