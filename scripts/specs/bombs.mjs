/*
 * Documents that are made to cost much, to reach beyond themselves, or to change what they are read into.
 */

const MIB = 1024 * 1024;
const openapi = (paths, more = {}) => JSON.stringify({ openapi: '3.1.0', info: { title: 'x' }, paths, ...more });
const many = (count, item) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`/${n}`, item(n)]));
const body = (schema) => ({ post: { requestBody: { content: { 'application/json': { schema } } } } });
const ref = (name) => ({ $ref: `#/components/schemas/${name}` });
const chain = (length, schema) => Object.fromEntries(Array.from({ length }, (_, n) => [`S${n}`, schema(n)]));
const withSchemas = (schemas, paths = { '/a': body(ref('S0')) }) => openapi(paths, { components: { schemas } });
const properties = (count, schema) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, schema]));
const lines = (count, line) => Array.from({ length: count }, (_, n) => line(n)).join('\n');
const wrapped = (depth, open, inner, close) => `${open.repeat(depth)}${inner}${close.repeat(depth)}`;

/** By file name. @param beyond addresses of a file and of a server that nobody may ask */
export const bombs = (beyond) => ({
  'deep-array.json': wrapped(1_000_000, '[', '', ']'),
  'deep-open.json': `{"a":${'['.repeat(4_000_000)}`,
  'deep-schema.json': `{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":${wrapped(90, '{"not":', '{}', '}')}}}}}}}}`,
  'large-text.json': openapi({}, { 'x-a': 'x'.repeat(16 * MIB - 100) }),
  'too-large.json': `"${'x'.repeat(17 * MIB)}"`,
  'many-values.json': `{"openapi":"3.1.0","paths":{},"x":[${'1,'.repeat(7 * MIB)}1]}`,
  'many-keys.json': openapi({}, { 'x-a': properties(300_000, 0) }),
  'large-key.json': openapi({ '/a': body({ properties: { ['k'.repeat(8 * MIB)]: {} } }) }),
  'large-path.json': openapi({ [`/${'a'.repeat(8 * MIB)}`]: { get: {} } }),
  'large-description.json': openapi(many(1_900, () => ({ get: { description: 'é\u200b'.repeat(2_000) } }))),
  'operations.json': openapi(many(100_000, () => ({ get: {} }))),
  'most-tools.json': withSchemas(
    chain(40, (n) => ({ properties: properties(40, { description: `d${n}`.repeat(20), enum: ['a', 'b'] }) })),
    many(2_000, (n) => body(ref(`S${n % 40}`))),
  ),
  'fan.json': withSchemas(chain(9, (n) => ({ properties: n < 8 ? properties(9, ref(`S${n + 1}`)) : {} }))),
  'fan-everywhere.json': withSchemas(
    chain(9, (n) => ({ properties: n < 8 ? properties(9, ref(`S${n + 1}`)) : {} })),
    many(1_900, () => body(ref('S0'))),
  ),
  'ring.json': withSchemas(chain(500, (n) => ({ allOf: [ref(`S${(n + 1) % 500}`), ref(`S${(n + 7) % 500}`)] }))),
  'ring-of-references.json': withSchemas(chain(500, (n) => ref(`S${(n + 1) % 500}`))),
  'circle.json': openapi({ '/a': body({ $ref: '#' }), '/b': { $ref: '#/paths/~1b' } }),
  'names-of-schemas.json': withSchemas({
    S0: { $id: `https://a.example/${'a'.repeat(900)}/`, 'x-a': Array(450_000).fill({ $ref: 'b' }) },
  }),
  'many-names.json': withSchemas(chain(100_000, (n) => ({ $id: `s${n}`, $anchor: `a${n}`, not: { $ref: `#a${n}` } }))),
  'same-names.json': withSchemas(chain(100_000, () => ({ $id: 's', $anchor: 'a', not: { $ref: 's#a' } }))),
  'ring-of-names.json': withSchemas(chain(500, (n) => ({ $anchor: `a${n}`, $ref: `#a${(n + 1) % 500}` }))),
  'alternatives.json': withSchemas(chain(30, (n) => ({ oneOf: Array(30).fill(ref(`S${(n + 1) % 30}`)) }))),
  'parameters.json': openapi({ '/a': { get: { parameters: Array(100_000).fill({ name: 'a', in: 'query' }) } } }),
  'names.json': openapi(many(1_900, () => ({ get: { operationId: 'same'.repeat(1_000) } }))),
  'pattern.json': openapi({
    '/a': body({ properties: properties(500, { type: 'string', pattern: '^(a+)+(b|c*)*$' }) }),
  }),
  'pattern-large.json': openapi({ '/a': body({ type: 'string', pattern: `^${'(a|b*)*'.repeat(100_000)}$` }) }),
  'pattern-repeats.json': openapi({ '/a': body({ type: 'string', pattern: '((((a{9}){9}){9}){9}){9}'.repeat(50) }) }),
  'beyond.json': openapi({
    '/a': body({ $ref: beyond.file }),
    '/b': body({ $ref: `${beyond.server}/schema.json#/a` }),
    '/c': { $ref: beyond.server },
    '/d': { get: { parameters: [{ $ref: `..${beyond.file.replace('file://', '')}` }] } },
  }),
  'beyond-servers.json': openapi(
    { '/a': { servers: [{ url: beyond.server }], get: { externalDocs: { url: beyond.server } } } },
    { servers: [{ url: beyond.server }], $schema: beyond.server, jsonSchemaDialect: beyond.server },
  ),
  'prototype.json':
    '{"openapi":"3.1.0","__proto__":{"a":1},"constructor":{"prototype":{"a":1}},"paths":{"__proto__":{"get":{}},"/a":{"get":{"parameters":[{"name":"__proto__","in":"query"}]}}}}',
  'aliases.yaml': `openapi: 3.1.0\npaths: {}\na: &a [x,x]\n${Array.from({ length: 60 }, (_, n) => `b${n}: &b${n} [*${n ? `b${n - 1}` : 'a'},*${n ? `b${n - 1}` : 'a'}]`).join('\n')}\n`,
  'aliases-few.yaml': `a: &a [${'x,'.repeat(40_000)}x]\nb: [${Array(45).fill('*a').join()}]\nopenapi: 3.1.0\npaths: {}\n`,
  'alias-of-itself.yaml': 'openapi: 3.1.0\npaths: &p\n  /a: *p\n',
  'merge.yaml': `openapi: 3.1.0\npaths: {}\nx: &x { a: 1 }\ny:\n${'  <<: *x\n'.repeat(40)}`,
  'merge-large.yaml': `openapi: 3.1.0\npaths: {}\nx: &x { ${lines(10_000, (n) => ` k${n}: 1,`)} }\ny:\n${'  <<: *x\n'.repeat(50_000)}`,
  'merge-chain.yaml': `openapi: 3.1.0\npaths: {}\n${lines(30_000, (n) => `b${n}: &b${n} { ${n ? `<<: *b${n - 1}, ` : ''}k${n}: 1 }`)}`,
  'merge-fan.yaml': `b0: &b0 { a: 1 }\n${lines(60, (n) => `b${n + 1}: &b${n + 1} { <<: [${Array(9).fill(`*b${n}`).join()}], k${n}: *b${n} }`)}`,
  'merge-itself.yaml': 'openapi: 3.1.0\npaths: &p\n  <<: *p\n',
  'alias-ladder.yaml': `openapi: 3.1.0\npaths: {}\na0: &a0 x\n${lines(50_000, (n) => `a${n + 1}: &a${n + 1} [*a${n}]`)}`,
  'many-aliases.yaml': `openapi: 3.1.0\npaths: {}\nx: &x [1]\ny: [${'*x,'.repeat(250_000)}]`,
  'tags.yaml': 'openapi: 3.1.0\npaths: !!js/function "function(){}"\nx: !!binary aGk=\n',
  'deep.yaml': `a: ${wrapped(200_000, '[', '', ']')}`,
  'deep-blocks.yaml': Array.from({ length: 1_200 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
  'quotes.yaml': `a: "${'\\\n'.repeat(400_000)}`,
  'open-flow.yaml': `a: ${'{a: '.repeat(200_000)}`,
  'anchors.yaml': lines(78_000, (n) => `k${n}: &n${n} 1`),
  'most-parts.yaml': `openapi: 3.1.0\npaths: {}\nx: [${'a,'.repeat(266_000)}]`,
  'most-maps.yaml': `openapi: 3.1.0\npaths: {}\nx:\n${'- a:\n'.repeat(130_000)}`,
  'most-flow-maps.yaml': `openapi: 3.1.0\npaths: {}\nx: [${'{},'.repeat(260_000)}]`,
  'most-pairs.yaml': `openapi: 3.1.0\npaths: {}\nx: [${'a: ,'.repeat(113_000)}]`,
  'most-signs.yaml': `openapi: 3.1.0\npaths: {}\nx: {${'? : ,'.repeat(114_000)}}`,
  'equal-keys.yaml': `openapi: 3.1.0\npaths: {}\nx:\n${'  a: 1\n'.repeat(99_000)}`,
  'comments.yaml': `openapi: 3.1.0\npaths: {}\n${'#\n'.repeat(390_000)}`,
  'folded.yaml': `openapi: 3.1.0\npaths: {}\nx: >\n${' y\n\n'.repeat(2 * MIB - 100)}`,
  'plain-lines.yaml': `openapi: 3.1.0\npaths: {}\nx: y\n${' y\n'.repeat(2.6 * MIB)}`,
  'quoted-lines.yaml': `openapi: 3.1.0\npaths: {}\nx: "y\n${' y\n'.repeat(2.6 * MIB)}"`,
  'escapes.yaml': `openapi: 3.1.0\npaths: {}\nx: "${'\\x41'.repeat(2 * MIB - 100)}"`,
  'errors.yaml': `openapi: 3.1.0\npaths: {}\nx: [${'],'.repeat(390_000)}]`,
  'largest.yaml': `openapi: 3.1.0\npaths: {}\nx: ${'y'.repeat(8 * MIB - 100)}\n`,
  'large.yaml': `openapi: 3.1.0\npaths: {}\nx: ${'y'.repeat(9 * MIB)}\n`,
  'equal-keys.json': `{"openapi":"3.1.0","paths":{},"x":{${'"a":1,'.repeat(300_000)}"a":1}}`,
  'not-utf8.json': Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
  'nothing.json': '',
});
