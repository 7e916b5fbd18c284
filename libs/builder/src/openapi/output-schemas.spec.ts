import { isObject } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/client/validators/ajv';
import fc from 'fast-check';
import { importDocument } from './import-document.js';
import type { OpenApiOperation } from './openapi-operation.js';
import { OUTPUT_LIMITS } from './output-schemas.js';
import { toToolResult } from './tool-result.js';

const json = (schema: unknown) => ({ 'application/json': { schema } });
const returning = (responses: object, schemas: object = {}, openapi = '3.1.0'): OpenApiOperation => {
  const source = { openapi, components: { schemas }, paths: { '/a': { get: { responses } } } };
  const { operations, skipped } = importDocument(source);
  expect(skipped).toEqual([]);
  return operations[0] as OpenApiOperation;
};
const schemaOf = (schema: unknown, schemas: object = {}, openapi = '3.1.0') =>
  returning({ 200: { content: json(schema) } }, schemas, openapi).outputSchema;

const TEXT = { type: ['string', 'null'] };
const COUNT = { type: ['integer', 'null'] };

describe('the output schema of a tool', () => {
  it('keeps names, types and words, and nothing that an answer could fail for', () => {
    const limits = { enum: ['a'], const: 'a', format: 'date', pattern: '^a', minLength: 1, default: 'a' };
    const inner = { type: 'object', required: ['x'], properties: { x: { type: 'boolean' } } };
    const properties = {
      a: { type: 'string', description: 'An a', title: 'A', ...limits },
      list: { type: 'array', minItems: 1, items: inner },
      any: {},
      odd: { type: 'file' },
    };
    expect(schemaOf({ type: 'object', required: ['a'], additionalProperties: false, properties })).toEqual({
      type: 'object',
      properties: {
        a: { ...TEXT, description: 'An a' },
        list: {
          type: ['array', 'null'],
          items: { type: ['object', 'null'], properties: { x: { type: ['boolean', 'null'] } } },
        },
        any: {},
        odd: {},
      },
    });
  });

  it('has whatever is no object under result', () => {
    expect(schemaOf({ type: 'array', items: { type: 'integer' } })).toEqual({
      type: 'object',
      properties: { result: { type: ['array', 'null'], items: COUNT } },
    });
    expect(schemaOf({ type: 'string' })).toEqual({ type: 'object', properties: { result: TEXT } });
  });

  it.each([[{}], [{ type: 'object' }], [true], [{ type: ['object', 'array'] }], [{ $ref: '#/nowhere' }], [undefined]])(
    'is none where nothing is said: %j',
    (schema) => expect(schemaOf(schema)).toBeUndefined(),
  );

  it('is one of alternatives, whatever the document calls them', () => {
    const [a, b] = ['a', 'b'].map((name) => ({ type: 'object', properties: { [name]: { type: 'string' } } }));
    const discriminator = { propertyName: 'a', mapping: { b: '#/components/schemas/B' } };
    const object = (name: string) => ({ type: ['object', 'null'], properties: { [name]: TEXT } });
    const anyOf = [object('a'), object('b')];
    expect(schemaOf({ oneOf: [a, b], discriminator })).toEqual({ type: 'object', anyOf });
    expect(schemaOf({ anyOf: [a, b, { type: 'string' }] })).toBeUndefined();
    expect(schemaOf({ type: 'object', properties: { x: { oneOf: [a, {}] } } })?.properties).toEqual({ x: {} });
    expect(schemaOf({ type: 'array', items: { oneOf: [a, b] } })?.properties).toMatchObject({
      result: { items: { anyOf } },
    });
  });

  it('carries parts, definitions and recursion', () => {
    const Base = { type: 'object', properties: { id: { type: 'integer' } } };
    const Node = {
      allOf: [{ $ref: '#/components/schemas/Base' }, { properties: { next: { $ref: '#/components/schemas/Node' } } }],
    };
    const base = { type: ['object', 'null'], properties: { id: COUNT } };
    const allOf = [{ $ref: '#/$defs/Base' }, { properties: { next: { $ref: '#/$defs/Node' } } }];
    for (const version of ['3.0.0', '3.1.0']) {
      expect(schemaOf({ $ref: '#/components/schemas/Node' }, { Base, Node }, version)).toEqual({
        type: 'object',
        allOf,
        $defs: { Base: base, Node: { allOf } },
      });
    }
    const wrapped = {
      type: 'object',
      properties: { b: { description: 'The b', allOf: [{ $ref: '#/components/schemas/Base' }] } },
    };
    expect(schemaOf(wrapped, { Base })).toMatchObject({
      properties: { b: { description: 'The b', $ref: '#/$defs/Base' } },
    });
  });

  it('does not turn in a circle', () => {
    const Pet = { oneOf: [{ $ref: '#/components/schemas/Cat' }], properties: { name: { type: 'string' } } };
    const Cat = { allOf: [{ $ref: '#/components/schemas/Pet' }] };
    const schema = schemaOf({ type: 'array', items: { $ref: '#/components/schemas/Pet' } }, { Pet, Cat });
    expect(JSON.stringify(schema).match(/"\$ref"/g)).toHaveLength(2);
  });

  it('leaves out what only callers send', () => {
    const Secret = { type: 'string', writeOnly: true };
    const properties = {
      id: { type: 'integer', readOnly: true },
      pin: Secret,
      key: { $ref: '#/components/schemas/Secret' },
    };
    expect(schemaOf({ type: 'object', properties }, { Secret })?.properties).toEqual({ id: COUNT });
  });

  it('is of the first success that has JSON', () => {
    const named = (name: string) => ({ content: json({ properties: { [name]: {} } }) });
    const propertiesOf = (responses: object) => Object.keys(returning(responses).outputSchema?.properties ?? {});
    expect(propertiesOf({ default: named('d'), '2XX': named('x'), 202: named('b'), 200: named('a') })).toEqual(['a']);
    expect(propertiesOf({ '2XX': named('x'), 201: named('b'), 204: {} })).toEqual(['b']);
    expect(propertiesOf({ 404: named('e'), '2XX': named('x') })).toEqual(['x']);
    expect(propertiesOf({ default: { description: 'A pet', ...named('d') } })).toEqual(['d']);
    expect(propertiesOf({ default: { description: 'Unexpected error', ...named('d') } })).toEqual([]);
    expect(propertiesOf({ 404: {}, default: named('d') })).toEqual([]);
    expect(
      propertiesOf({
        200: { content: { 'text/xml': { schema: {} }, 'application/*+json': named('x').content['application/json'] } },
      }),
    ).toEqual(['x']);
    expect(
      propertiesOf({
        200: { content: { 'text/xml': {}, 'application/hal+json': { schema: { properties: { h: {} } } } } },
      }),
    ).toEqual(['h']);
  });

  it('is of Swagger 2.0 as well', () => {
    const responses = { 200: { description: '', schema: { $ref: '#/definitions/A' } } };
    const definitions = { A: { type: 'object', properties: { a: { type: 'string', 'x-nullable': true } } } };
    const { operations } = importDocument({ swagger: '2.0', definitions, paths: { '/a': { get: { responses } } } });
    expect(operations[0]?.outputSchema).toEqual({ type: 'object', properties: { a: TEXT } });
  });

  it('is simplified where it is large, and left out with a note where that does not help', () => {
    const deep = (levels: number): object =>
      levels === 0
        ? { type: 'string', description: 'x'.repeat(200) }
        : { type: 'object', properties: { a: deep(levels - 1), b: deep(levels - 1) } };
    const schema = schemaOf(deep(8));
    expect(JSON.stringify(schema).length).toBeLessThanOrEqual(OUTPUT_LIMITS.maxBytes);
    expect(schema).toMatchObject({ properties: { a: { properties: { b: {} } } } });
    const wide = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`property-${n}`, { type: 'string' }]));
    const paths = { '/a': { get: { responses: { 200: { content: json({ type: 'object', properties: wide }) } } } } };
    const { operations, notes } = importDocument({ openapi: '3.1.0', paths });
    expect(operations[0]?.outputSchema).toBeUndefined();
    expect(notes).toEqual([{ operation: 'GET /a', note: expect.stringContaining('no output schema') }]);
  });

  it('costs a document of many large answers none of its tools', () => {
    const big = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`p${n}`, {}]));
    const branch = (levels: number): object =>
      levels === 0 ? {} : { anyOf: Array.from({ length: 8 }, () => branch(levels - 1)) };
    const responses = {
      Wide: { content: json({ type: 'object', properties: { a: { properties: big } } }) },
      Bushy: { content: json({ type: 'object', properties: { a: branch(5) } }) },
    };
    const answered = (name: string) => ({ responses: { 200: { $ref: `#/components/responses/${name}` } } });
    const paths = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`/${n}`, { get: answered('Wide'), put: answered('Bushy') }]),
    );
    const { operations } = importDocument({ openapi: '3.1.0', components: { responses }, paths });
    expect(operations).toHaveLength(200);
  });
});

describe('a result of a tool with an output schema', () => {
  const operation = returning({
    200: {
      content: json({
        type: 'object',
        properties: { id: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } },
      }),
    },
  });
  const structured = (body: string | Buffer, contentType?: string, status = 200) => {
    const result = toToolResult({ status, contentType, body: Buffer.from(body as string) }, undefined, operation);
    return result.structuredContent;
  };

  it('is the answer where that is as documented, or says more or less', () => {
    for (const body of ['{"id":1}', '{"id":null,"more":[1]}', '{}', '{"id":2.0,"tags":["a",null]}']) {
      expect(structured(body, 'application/json')).toEqual(JSON.parse(body));
    }
  });

  it.each(['{"id":"1"}', '{"tags":"a"}', '{"tags":[1]}'])('has another answer under a name of its own: %s', (body) => {
    expect(structured(body, 'application/json')).toEqual({ undocumented_answer: JSON.parse(body) });
  });

  it('has what is no object, and text, and nothing for bytes and empty answers', () => {
    expect(structured('[1]', 'application/json')).toEqual({ result: [1] });
    expect(structured('12')).toEqual({ result: 12 });
    expect(structured('{"id":', 'application/json')).toEqual({ undocumented_answer: '{"id":' });
    expect(structured('<html>', 'text/html')).toEqual({ undocumented_answer: '<html>' });
    expect(structured(Buffer.from([1]), 'image/png')).toEqual({});
    expect(structured(Buffer.from([1]), 'application/pdf')).toEqual({});
    expect(structured('', undefined, 204)).toEqual({});
    expect(structured('{"id":1}', 'application/json', 404)).toBeUndefined();
  });

  it('is soon there although every alternative has to be tried', () => {
    const Node = {
      anyOf: Array.from({ length: 4 }, () => ({
        type: 'object',
        properties: { n: { $ref: '#/components/schemas/Node' } },
      })),
    };
    const hard = returning(
      { 200: { content: json({ type: 'object', properties: { n: { $ref: '#/components/schemas/Node' } } }) } },
      { Node },
    );
    const shape = (depth: number) => {
      const body = Buffer.from(`${'{"n":'.repeat(depth)}7${'}'.repeat(depth)}`);
      const answer = { status: 200, contentType: 'application/json', body };
      const { structuredContent } = toToolResult(answer, undefined, hard);
      expect(Object.keys(structuredContent ?? {})).toEqual(['undocumented_answer']);
    };
    expect(costRatio(shape, [6, 50])).toBeLessThan(50);
  });
});

const types = fc.constantFrom('object', 'array', 'string', 'integer', 'number', 'boolean', 'null');

describe('the official client', () => {
  const names = fc.constantFrom('a', 'b', 'result', 'undocumented_answer', 'constructor', 'toString');
  const ref = fc.record({ $ref: fc.constantFrom('#/components/schemas/A', '#/components/schemas/B') });
  const plain = { nullable: fc.boolean(), enum: fc.constant(['x']), required: fc.constant(['a']) };
  const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 2 });
  const schemas = (levels: number): fc.Arbitrary<object> => {
    const type = { type: fc.oneof(types, some(types)), ...plain };
    const leaf = fc.record(type, { requiredKeys: [] });
    if (levels === 0) return fc.oneof(leaf, ref);
    const inner = schemas(levels - 1);
    const properties = fc.dictionary(names, inner, { maxKeys: 3 });
    const more = { ...type, properties, items: inner, anyOf: some(inner), oneOf: some(inner), allOf: some(inner) };
    return fc.oneof(leaf, ref, fc.record(more, { requiredKeys: [] }));
  };
  const values = (levels: number): fc.Arbitrary<unknown> => {
    const leaf = fc.constantFrom(null, true, 0, 1.5, 'x');
    if (levels === 0) return leaf;
    const inner = values(levels - 1);
    return fc.oneof(leaf, fc.array(inner, { maxLength: 3 }), fc.dictionary(names, inner, { maxKeys: 3 }));
  };
  const [schema, value] = [schemas(2), values(3)];
  const validator = new AjvJsonSchemaValidator();

  it('takes whatever comes of whatever a service answers, and less of it would not do', () => {
    let documented = 0;
    const version = fc.constantFrom('3.0.3', '3.1.0');
    const answers = fc.array(value, { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(schema, schema, schema, answers, version, (of, A, B, all, openapi) => {
        const operation = returning({ 200: { content: json(of) } }, { A, B }, openapi);
        const { outputSchema } = operation;
        if (!outputSchema) return;
        const accepts = validator.getValidator(outputSchema);
        for (const answer of all) {
          const body = Buffer.from(JSON.stringify(answer));
          const { structuredContent: given } = toToolResult(
            { status: 200, contentType: 'application/json', body },
            undefined,
            operation,
          );
          expect(accepts(given)).toMatchObject({ valid: true });
          const asIs = isObject(answer) ? answer : { result: answer };
          const isAsIs = JSON.stringify(given) === JSON.stringify(asIs);
          if (isAsIs) documented++;
          else expect(accepts(asIs)).toMatchObject({ valid: false });
        }
      }),
      { numRuns: 150 },
    );
    expect(documented).toBeGreaterThan(50);
  });
});
