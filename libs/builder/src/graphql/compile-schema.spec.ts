import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { buildSchema, introspectionFromSchema, parse, validate } from 'graphql';
import { SHOP_SDL } from '../../testing/shop-schema.js';
import { isToolDefinition } from '../mcp/definitions.js';
import { type SchemaOptions, compileSchema } from './compile-schema.js';
import type { GraphqlOperation } from './graphql-operation.js';

const OPTIONS: SchemaOptions = { fields: true, operations: [], taken: [] };
const shop = buildSchema(SHOP_SDL);
const textOf = ({ head, selection, tail }: GraphqlOperation) => `${head} ${selection}${tail}`;
const compile = (sdl: string, options: Partial<SchemaOptions> = {}) =>
  compileSchema(Buffer.from(sdl), { ...OPTIONS, ...options });
const toolOf = ({ definition }: GraphqlOperation) =>
  JSON.parse(definition) as { description: string; inputSchema: object; annotations: object };
const byName = (sdl: string, options: Partial<SchemaOptions> = {}) =>
  new Map(
    compile(sdl, options).operations.map((operation) => [operation.name, { ...operation, ...toolOf(operation) }]),
  );
const tools = byName(SHOP_SDL);
function thrownBy(work: () => unknown): { readonly error?: unknown } {
  try {
    work();
    return {};
  } catch (error) {
    return { error };
  }
}
const schemaOf = (name: string) => tools.get(name)!.inputSchema;

describe('a schema', () => {
  it('becomes a tool for each query and mutation, and tells what does not', () => {
    const { operations, skipped, faults } = compile(SHOP_SDL);
    expect(operations.map(({ name }) => name)).toEqual([
      ...['user', 'userBy', 'users', 'search', 'node', 'now', 'roles', 'echo', 'broken', 'partial', 'order'],
      ...['addUser', 'order_mutation', 'forget'],
    ]);
    expect(operations.every((operation) => isToolDefinition(toolOf(operation)))).toBe(true);
    expect(skipped).toEqual([{ field: 'Subscription.added', reason: expect.stringContaining('subscription') }]);
    expect(faults).toEqual([]);
  });

  it('gives operations that are valid, every one', () => {
    const { operations } = compile(SHOP_SDL);
    expect(operations.flatMap((operation) => validate(shop, parse(textOf(operation))))).toEqual([]);
  });

  it('is the same as SDL and as an introspection', () => {
    const introspection = introspectionFromSchema(shop, { oneOf: true, inputValueDeprecation: true });
    const ofSdl = compile(SHOP_SDL).operations;
    for (const source of [introspection, { data: introspection }]) {
      expect(compile(JSON.stringify(source)).operations).toEqual(ofSdl);
    }
  });

  it('keeps names apart that are taken, and cuts long ones', () => {
    const long = 'a'.repeat(80);
    const sdl = `type Query { crm: Int user: Int ${long}: Int ${long}b: Int } type Mutation { user: Int user_mutation: Int }`;
    expect([...byName(sdl, { taken: ['crm'] }).keys()]).toEqual([
      ...['crm_2', 'user', 'a'.repeat(56), `${'a'.repeat(56)}_2`, 'user_mutation', 'user_mutation_2'],
    ]);
  });

  it('says that queries read, and that mutations may destroy', () => {
    expect(tools.get('user')!.annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false });
    expect(tools.get('addUser')!.annotations).toMatchObject({ readOnlyHint: false, destructiveHint: true });
  });

  it('tells what is deprecated', () => {
    expect(tools.get('forget')!.description).toContain('Deprecated: nobody is forgotten');
  });

  it.each([
    ['nothing that is a schema', '<html>', /cannot be used: Syntax Error/],
    ['JSON of another kind', '{"openapi":"3.1.0"}', /neither SDL nor the result of an introspection/],
    ['broken JSON', '{"data":', /starts like JSON and is none/],
    ['JSON that nests too deep', '['.repeat(100).replace('[', '{"a":['), /nests too deep/],
    ['SDL that nests too deep', `type Query { a: ${'['.repeat(100_000)} }`, /nests too deep/],
    ['a type that is not there', 'type Query { a: B }', /Unknown type: "B"/],
    ['no operations', 'type A { b: Int }', /no type of queries/],
    ['too many types', `type Query { a: Int } ${'scalar A '.repeat(5_000)}`, /has 5001 types, and 5000 is the limit/],
    ['too many fields', `type Query { ${fields(50_001)} }`, /has \d+ fields, and 50000 is the limit/],
    ['too many tools', `type Query { ${fields(2_001)} }`, /2001 fields would become tools, and 2000 is the limit/],
    ['names that are none', introspectionWith('a b'), /Names must only contain/],
  ])('is refused with the reason: %s', (_, source, message) => {
    expect(() => compile(source)).toThrow(
      expect.objectContaining({ code: 'COMPOSER_GRAPHQL_INVALID_SCHEMA', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ['another text', 'root:x:0:0:root:/root:/bin/bash', /: it is no GraphQL \(line 1, column 1\)$/],
    ['a secret in the middle', 'type Query {\n  a: Int! hunter2: }', /: it is no GraphQL \(line 2, column 20\)$/],
    ['a type that is not there', 'type Query { a: Hunter2 }', /: no schema can be made of its types$/],
    ['names that are none', introspectionWith('hunter 2'), /: no schema can be made of its types$/],
    ['broken JSON', '{"hunter2"', /starts like JSON and is none$/],
    ['too many types', `type Query { a: Int } ${'scalar A '.repeat(5_000)}`, /has 5001 types/],
  ])('in a file is refused without a piece of it: %s', (_, source, message) => {
    const { error } = thrownBy(() => compile(source, { isFile: true }));
    expect(error).toMatchObject({ code: 'COMPOSER_GRAPHQL_INVALID_SCHEMA', message: expect.stringMatching(message) });
    expect(inspect(error, { depth: 9 }).replaceAll(/^ +at .*$/gm, '')).not.toMatch(/root|hunter/i);
  });

  it('with faults is used as far as it goes', () => {
    const { operations } = compile(
      'interface I { id: ID! name: Int } type A implements I { id: ID! } type Query { a: A i: I }',
    );
    expect(operations.map(({ name }) => name)).toEqual(['a', 'i']);
  });

  it('is not led astray by names of prototypes', () => {
    const { operations } = compile('type Query { __proto__: Int constructor(toString: Int!, __proto__: Int): Int }');
    expect(operations.map(({ name, required }) => [name, required])).toEqual([
      ['__proto__', []],
      ['constructor', ['toString']],
    ]);
  });
});

describe('the arguments of a field', () => {
  it('are described by their types', () => {
    expect(schemaOf('user')).toMatchObject({ required: ['id'], properties: { id: { type: 'string' } } });
    expect(schemaOf('search')).toMatchObject({
      required: ['text'],
      properties: { text: { type: 'string' }, kinds: { type: 'array', items: { enum: ['ADMIN', 'USER', 'GUEST'] } } },
    });
    expect(schemaOf('users')).toMatchObject({ properties: { first: { type: 'integer', default: 10 } } });
    expect(schemaOf('users')).not.toHaveProperty('required');
    expect(schemaOf('order_mutation')).toMatchObject({ properties: { total: { type: 'number', default: 1.5 } } });
  });

  it('refer to input objects, which may lead back to themselves', () => {
    const $ref = '#/$defs/UserFilter';
    expect(schemaOf('users')).toMatchObject({
      properties: { filter: { $ref } },
      $defs: {
        UserFilter: {
          description: 'Which users',
          properties: {
            not: { $ref },
            any: { type: 'array', items: { $ref } },
            roles: { default: ['ADMIN'] },
            old: { type: 'string', deprecated: true, description: 'Deprecated: use name' },
            born: { $ref: '#/$defs/Range' },
          },
        },
        Range: {
          properties: { from: { description: 'DateTime (https://scalars.example/date-time): When, in ISO 8601' } },
        },
      },
    });
  });

  it('say which fields of an input object are required, and that one of one of them is given', () => {
    expect(schemaOf('addUser')).toMatchObject({
      $defs: { NewUser: { required: ['name'], properties: { extra: { description: 'Anything' } } } },
    });
    expect(schemaOf('userBy')).toMatchObject({ $defs: { Key: { minProperties: 1, maxProperties: 1 } } });
  });

  it('never have the name of the one that selects fields', () => {
    expect(tools.get('echo')!.select?.argument).toBe('__select');
    expect(tools.get('user')!.select?.argument).toBe('_select');
    expect(tools.get('now')!.select).toBeUndefined();
    expect(schemaOf('now')).toMatchObject({ properties: {} });
  });

  it('are named by their types alone where there are too many of them', () => {
    const inputs = Array.from({ length: 150 }, (_, n) => `input I${n} { ${fields(40, `I${(n + 1) % 150}`)} }`);
    const { inputSchema } = byName(`type Query { a(of: I0!): Int } ${inputs.join(' ')}`).get('a')!;
    expect(inputSchema).toMatchObject({ required: ['of'], properties: { of: { description: 'GraphQL type I0!' } } });
    expect(JSON.stringify(inputSchema).length).toBeLessThan(1_000);
  });
});

describe('the selection of a field', () => {
  const selection = (name: string) => tools.get(name)!.selection;

  it('has what needs no arguments, and of what is in it', () => {
    expect(selection('user')).toBe('{ id name role born boss { id name role born } orders { id total notes } }');
    expect(selection('now')).toBe('');
  });

  it('has the items of a page', () => {
    expect(selection('users')).toBe(
      '{ totalCount edges { cursor node { id name role born boss { id name role born } orders { id total notes } } } ' +
        'pageInfo { hasNextPage endCursor } }',
    );
  });

  it('tells the types of an interface and of a union apart', () => {
    expect(selection('node')).toBe('{ __typename id ... on User { name role born } ... on Order { total notes } }');
    expect(selection('search')).toBe(
      '{ __typename ... on User { id name role born } ... on Order { id total notes } }',
    );
  });

  it('leaves out what two types have in two ways', () => {
    const sdl = 'union U = A | B type A { a: Int c: Int } type B { a: Int! b: Int } type Query { u: U }';
    expect(byName(sdl).get('u')!.selection).toBe('{ __typename ... on A { a c } ... on B { b } }');
  });

  it('is bounded, however much there is', () => {
    const types = Array.from({ length: 30 }, (_, n) => `type T${n} { ${fields(200)} ${inner(30)} }`);
    const { selection: text } = byName(`type Query { a: T0 } ${types.join(' ')}`).get('a')!;
    expect(text.split(' ').filter((word) => /^f\d/.test(word)).length).toBeLessThanOrEqual(60);
  });

  it('leaves out what has the name of a secret, and is no place in a list', () => {
    const sdl =
      'type A { id: ID! tempCloneToken: String API_KEY: Int nextPageToken: String passwordHash: Int } type Query { a: A }';
    expect(byName(sdl).get('a')!.selection).toBe('{ id nextPageToken }');
  });

  it('asks for the name of a type that has nothing else to ask for', () => {
    expect(byName('type A { a(b: Int!): Int } type Query { a: A }').get('a')!.selection).toBe('{ __typename }');
  });
});

function fields(count: number, type = 'Int'): string {
  return Array.from({ length: count }, (_, n) => `f${n}: ${type}`).join(' ');
}

function inner(count: number): string {
  return Array.from({ length: count }, (_, n) => `t${n}: T${n}`).join(' ');
}

function introspectionWith(name: string): string {
  const introspection = introspectionFromSchema(buildSchema('type Query { a: Int }'));
  return JSON.stringify(introspection).replace('"name":"a"', `"name":"${name}"`);
}
