import { describe, expect, it } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import { SHOP_SDL } from '../../testing/shop-schema.js';
import { compileSchema } from './compile-schema.js';
import { GraphqlEndpoint } from './graphql-endpoint.js';
import { OperationTool } from './operation-tool.js';
import type { StoredOperation } from './stored-operations.js';
import { TypeExcerpt } from './type-excerpt.js';

const LIMITS = { depth: 6, fields: 100, aliases: 5, cost: 2_000 };
const endpoint = new GraphqlEndpoint(new URL('https://shop.example/graphql?v=1'), (text) =>
  text.replaceAll('hunter2', '***'),
);
const stored = [
  'query Sum($kinds: [Role!]!, $n: Int = 3) { search(text: "a", kinds: $kinds) { __typename } users(first: $n) { totalCount } }',
  { name: 'greet-all', query: '{ users { totalCount } }', description: 'Greets.' },
];
const compiled = compileSchema(Buffer.from(SHOP_SDL), { fields: true, operations: stored, taken: ['shop'] });
const types = new TypeExcerpt(compiled.types);
const shop = buildSchema(SHOP_SDL);

function tool(name: string): OperationTool {
  const operation = compiled.operations.find((one) => one.name === name);
  if (!operation) throw new Error(`no operation ${name}`);
  return new OperationTool(operation, { endpoint, limits: LIMITS, types });
}
const sent = (name: string, args: object) =>
  JSON.parse(String(tool(name).requestFor(args as Record<string, unknown>).body)) as {
    query: string;
    variables?: object;
  };
const answer = (value: unknown, status = 200, contentType = 'application/graphql-response+json') => ({
  status,
  contentType,
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
});

describe('an operation as a tool', () => {
  it('sends arguments as variables, and never as text', () => {
    const id = '") { id } evil: user(id: "2';
    expect(sent('user', { id })).toEqual({
      query: expect.stringMatching(/^query \(\$id: ID!\) \{ user\(id: \$id\) \{ id name /),
      variables: { id },
    });
    expect(tool('user').requestFor({ id })).toMatchObject({ method: 'POST', path: '/graphql?v=1' });
  });

  it('leaves out what is not given, and has the service use its defaults', () => {
    const { query, variables } = sent('users', { after: null });
    expect(query).toContain('$first: Int,');
    expect(variables).toEqual({ after: null });
    expect(sent('now', {})).toEqual({ query: 'query { now }' });
  });

  it.each([
    ['user', {}, /id: is missing/],
    ['user', { id: null }, /id: is missing/],
    ['user', { id: '1', idd: 2 }, /idd: is not an argument/],
    ['user', { id: '1', _select: 7 }, /_select: must be a GraphQL text/],
    ['now', { _select: 'a' }, /_select: is not an argument/],
    ['users', { first: 100 }, /its cost is \d+, and 2000 is the limit/],
  ])('is not sent: %s with %j', (name, args, message) => {
    expect(() => sent(name, args)).toThrow(message);
  });

  describe('that is stored', () => {
    it('is sent as it stands', () => {
      expect(sent('Sum', { kinds: ['USER'] })).toEqual({ query: stored[0], variables: { kinds: ['USER'] } });
      expect(sent('greet-all', {})).toEqual({ query: '{ users { totalCount } }' });
    });

    it('has the arguments that its variables are', () => {
      const [sum, greet] = compiled.operations.map(({ definition }) => JSON.parse(definition) as object);
      expect(sum).toMatchObject({
        inputSchema: {
          required: ['kinds'],
          properties: {
            kinds: { type: 'array', items: { enum: ['ADMIN', 'USER', 'GUEST'] } },
            n: { type: 'integer', default: 3 },
          },
        },
      });
      expect(greet).toMatchObject({ name: 'greet-all', description: 'Greets.', inputSchema: { properties: {} } });
    });

    const faultsOf = (operations: readonly StoredOperation[], sdl = '') =>
      compileSchema(Buffer.from(sdl), { fields: false, operations, taken: [] }).faults;
    it.each([
      ['two operations', 'query A { now } query B { now }', /has to hold one operation/],
      ['no operation', 'fragment F on User { id }', /has to hold one operation/],
      ['no name', '{ now }', /has no name/],
      ['another grammar', 'query A {', /Syntax Error/],
      ['a subscription', 'subscription A { added { id } }', /a subscription is not sent/],
      ['types', 'type A { b: Int }', /no definitions of types/],
    ])('is refused with its place: %s', (_, query, message) => {
      expect(faultsOf(['query Good { now }', query])).toEqual([
        { path: 'graphql.operations.1', message: expect.stringMatching(message) },
      ]);
    });

    it('has to fit the schema, and has a name of its own', () => {
      const operations = ['query A { nowhere }', 'query B { now }', { name: 'B', query: '{ roles }' }];
      expect(faultsOf(operations, SHOP_SDL)).toEqual([
        { path: 'graphql.operations.0', message: expect.stringContaining('Cannot query field "nowhere"') },
        { path: 'graphql.operations.2.query', message: 'another operation is named B' },
      ]);
    });

    it('needs no schema, and then takes anything where a type is not known', () => {
      const operations = ['mutation Add($user: NewUser!, $n: [Int!]) { addUser(user: $user) { id } }'];
      const {
        operations: [add],
      } = compileSchema(Buffer.alloc(0), { fields: false, operations, taken: [] });
      expect(JSON.parse(add!.definition)).toMatchObject({
        annotations: { destructiveHint: true },
        inputSchema: {
          required: ['user'],
          properties: { user: { description: 'GraphQL type NewUser!' }, n: { type: 'array' } },
        },
      });
    });
  });

  describe('whose fields are chosen', () => {
    const selected = (_select: string) => sent('node', { id: '1', _select }).query;
    const plain = (text: string) => text.replaceAll(/\s+/g, ' ');

    it.each(['id', '{ id }', ' id # no more\n', '{ id } # no more'])('asks for %j and nothing else', (text) => {
      expect(plain(selected(text))).toBe('query ($id: ID!) { node(id: $id) { id } }');
    });

    it('takes whatever the types of the service allow', () => {
      const text =
        '... on User { friends(first: 2) { n: name avatar(size: 1) boss { __typename } } } ... on Order { total }';
      expect(() => selected(text)).not.toThrow();
      expect(plain(sent('addUser', { user: { name: 'a' }, _select: 'id' }).query)).toContain(
        'addUser(user: $user) { id }',
      );
    });

    it.each([
      'id } evil: node(id: "2") { id',
      'id } } query Evil { now',
      '} fragment F on User { id',
      '{ id } { id }',
      '{ query { id } } mutation { forget(id: 1) }',
      '...F } fragment F on User { id',
    ])('is not taken for more than a selection: %j', (text) => {
      expect(() => selected(text)).toThrow(/not one selection of fields|Syntax Error/);
    });

    it.each([
      ['nothing', '', /Syntax Error/],
      ['too much of it', `id ${' '.repeat(20_000)}`, /more than 16384 characters/],
      ['a variable of nobody', '... on User { friends(first: $n) { id } }', /Variable "\$n" is not defined/],
      ['too deep', '... on User { boss { boss { boss { boss { boss { id } } } } } }', /its depth is 7/],
      ['too costly', '... on User { friends(first: 5000) { id } }', /its cost is \d+/],
    ])('is refused: %s', (_, text, message) => {
      expect(() => selected(text)).toThrow(message);
    });

    it('is not compared with itself, which could take any time: that two fields claim one name the service says', () => {
      let text = 'id';
      for (let depth = 0; depth < 4; depth++) text = `boss { ${text} } `.repeat(2);
      expect(() => sent('user', { id: '1', _select: text })).not.toThrow();
      expect(plain(sent('user', { id: '1', _select: 'name: id name' }).query)).toContain('{ name: id name }');
    });

    // The whole schema is the oracle of what is checked against a part of it.
    it.each([
      ['node', 'id'],
      ['node', 'name'],
      ['node', '... on User { name ... on Node { id } }'],
      ['node', '... on Found { ... on Order { total } }'],
      ['node', '... on Found { ... on DateTime { total } }'],
      ['node', '... on PageInfo { hasNextPage }'],
      ['node', '... on Nothing { id }'],
      ['node', '... on Node { id __typename }'],
      ['search', '... on Node { id }'],
      ['search', '... on PageInfo { hasNextPage }'],
      ['search', 'id'],
      ['user', 'name { first }'],
      ['user', 'boss'],
      ['user', 'avatar'],
      ['user', 'avatar(size: "1")'],
      ['user', 'avatar(size: 1, other: 2)'],
      ['user', 'role @include(if: true) born @skip(if: false)'],
      ['user', 'role @unknown'],
      ['user', 'friends(first: $id) { id }'],
      ['user', '__schema { types { name } }'],
      ['users', 'edges { node { id } } pageInfo { endCursor }'],
      ['users', 'nodes { id }'],
      ['addUser', 'orders { buyer { orders { buyer { id } } } }'],
    ])('is judged by a part of the types as by all of them: %s with %s', (name, _select) => {
      const args = { id: '1', text: 'a', user: { name: 'a' } };
      const { variables } = compiled.operations.find((one) => one.name === name)!;
      const given = Object.fromEntries(Object.entries(args).filter(([key]) => variables.includes(key)));
      const { head, tail } = compiled.operations.find((one) => one.name === name)!;
      const [fault] = validate(shop, parse(`${head} {${_select}}${tail}`));
      const attempt = () => sent(name, { ...given, _select });
      if (!fault) return expect(attempt).not.toThrow();
      // Suggestions come from what is there, and that differs.
      expect(attempt).toThrow(fault.message.replace(/ Did you mean.*$/, ''));
    });
  });
});

describe('the answer to an operation', () => {
  const resultOf = (value: unknown, status = 200, contentType?: string) =>
    tool('user').resultOf(answer(value, status, contentType)) as {
      isError?: boolean;
      content: { text: string }[];
      structuredContent?: object;
    };
  const NO = { message: 'no hunter2 here', path: ['user', 0, 'name'], extensions: { code: 'NOT_FOUND' } };

  it('is its data, as text and as structure', () => {
    const body = { data: { user: { id: '1' } } };
    expect(resultOf(body)).toEqual({
      content: [{ type: 'text', text: JSON.stringify(body) }],
      structuredContent: body,
    });
  });

  it.each([
    ['no data', { errors: [NO] }, 200],
    ['null', { data: null, errors: [NO] }, 200],
    ['nothing but null', { data: { user: null }, errors: [NO] }, 200],
    ['an HTTP error', { errors: [NO] }, 400],
  ])('is an error with its places where there is no data: %s', (_, body, status) => {
    const result = resultOf(body, status);
    expect(result).toEqual({ isError: true, content: [{ type: 'text', text: expect.any(String) }] });
    expect(result.content[0]!.text).toContain('- no *** here (at user.0.name, NOT_FOUND)');
    expect(result.content[0]!.text.startsWith('HTTP error 400')).toBe(status === 400);
  });

  it('is both where there is some', () => {
    const body = { data: { user: { id: '1', name: null } }, errors: [NO] };
    const result = resultOf(body);
    expect(result.isError).toBeUndefined();
    expect(result.content[0]!.text).toMatch(/^A part of the answer is missing\.[^]*no \*\*\* here/);
    expect(result.structuredContent).toMatchObject({
      data: { user: { id: '1' } },
      errors: [{ path: ['user', 0, 'name'] }],
    });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('names the first errors of many', () => {
    const { content } = resultOf({ errors: Array.from({ length: 500 }, () => NO) });
    expect(content[0]!.text).toMatch(/- and 480 more$/);
  });

  it.each([{ errors: [7, null, { message: {} }] }, { errors: [{ message: 'a\u0000\u202eb', path: [{}] }] }])(
    'is told whatever it is made of: %j',
    (body) => {
      expect(resultOf(body).content[0]!.text).toMatch(/an error without a message|ab/);
    },
  );

  it('of an HTTP error that is no GraphQL is told as such', () => {
    expect(resultOf('<html>hunter2</html>', 502, 'text/html')).toMatchObject({
      isError: true,
      content: [{ text: 'HTTP error 502: Bad Gateway - <html>***</html>' }],
    });
  });

  it.each(['<html>', '[]', '{}', '', 'null'])('is none: %j', (body) => {
    expect(() => resultOf(body)).toThrow(/no GraphQL response/);
  });
});
