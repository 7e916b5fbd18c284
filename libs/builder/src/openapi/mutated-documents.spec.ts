import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ComposerError, isObject } from '#kernel';
import { importDocument } from './import-document.js';

const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
const parameter = (name: string, place: string, schema: object): object => ({
  name,
  in: place,
  required: true,
  schema,
});

/** A document with something of everything, of which parts are changed. */
const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'All', version: '1' },
  servers: [{ url: 'https://{host}.example', variables: { host: { default: 'a' } } }],
  paths: {
    '/things/{id}#part': {
      parameters: [
        parameter('id', 'path', { type: 'string', pattern: '^a+$' }),
        { $ref: '#/components/parameters/Page' },
      ],
      get: {
        operationId: 'get',
        summary: 'Gets',
        responses: { 200: { content: { 'application/json': { schema: ref('Thing') } } } },
        security: [{ login: ['read'] }, {}],
      },
      put: { requestBody: { required: true, content: { 'application/json': { schema: ref('Thing') } } } },
    },
    '/things?kind=a&from={from}': {
      post: {
        parameters: [{ name: 'deep', in: 'query', style: 'deepObject', explode: true, schema: ref('Thing') }],
        requestBody: {
          content: {
            'multipart/form-data': {
              schema: {
                type: 'object',
                properties: { file: { type: 'string', format: 'binary' }, tags: { items: {} } },
              },
              encoding: { tags: { style: 'pipeDelimited', explode: false }, file: { contentType: 'image/png' } },
            },
            'application/xml': {},
          },
        },
      },
      head: {
        parameters: [parameter('X-Head', 'header', { enum: [1, null] }), parameter('c', 'cookie', true as never)],
      },
    },
    '/pages/{page}': {
      servers: [{ url: 'https://{host}.example/v2', variables: { host: { default: 'a' } } }, { url: '/v3' }],
      get: {
        parameters: [parameter('tags', 'query', { type: 'array', items: {} })],
        responses: {
          '2XX': { content: { 'application/json': { schema: { type: 'array', items: { anyOf: [ref('Thing')] } } } } },
          default: { content: { 'text/csv': {} } },
        },
      },
    },
  },
  components: {
    securitySchemes: {
      login: { type: 'oauth2', flows: { authorizationCode: { tokenUrl: 'https://a.example/token', scopes: {} } } },
      key: { type: 'apiKey', in: 'query', name: 'key' },
    },
    parameters: {
      Page: { name: 'page', in: 'query', content: { 'application/json': { schema: { type: 'integer' } } } },
    },
    schemas: {
      Thing: {
        type: ['object', 'null'],
        required: ['name'],
        properties: { name: { type: 'string', maxLength: 9 }, parent: ref('Thing'), kind: ref('Kind') },
        allOf: [ref('Kind'), { properties: { id: { readOnly: true } } }],
        additionalProperties: ref('Kind'),
      },
      Kind: { oneOf: [{ const: 'a' }, { type: 'array', items: ref('Thing') }], nullable: true, default: {} },
    },
  },
};

/** What takes a place of the document: values of every shape, names that mean something, references to everywhere. */
const POINTERS = [
  '#',
  '#/',
  '#/paths',
  '#/components/schemas/Thing',
  '#/components/schemas/Kind',
  '#/nowhere',
  'file:///etc/passwd',
];
const value = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1e308,
    '',
    'object',
    'array',
    'string',
    'path',
    'query',
    'body',
    [],
    {},
  ),
  fc.constantFrom(...POINTERS).map(($ref) => ({ $ref })),
  fc.constantFrom(...POINTERS).map(($ref) => [{ $ref }, { allOf: [{ $ref }] }]),
  fc.constantFrom(
    '2.0',
    '3.0.0',
    '3.1.0',
    '3.2.0',
    '__proto__',
    'constructor',
    '\u0000',
    '\ud800',
    '^(a+)+$',
    '/a/../b',
    '/{a',
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
);
const change = fc.record({
  /** Which place, by turns from the root. */
  turns: fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }),
  how: fc.constantFrom('replace', 'replace', 'remove', 'rename', 'swap'),
  value,
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed(document: unknown, { turns, how, value: by }: Change): void {
  let place: unknown = document;
  for (const [at, turn] of turns.entries()) {
    if (!isObject(place) && !Array.isArray(place)) return;
    const container = place as Record<string, unknown>;
    const keys = Object.keys(container);
    const key = keys[turn % keys.length];
    if (key === undefined) return;
    place = container[key];
    const isInner = isObject(place) || Array.isArray(place);
    if (at < turns.length - 1 && isInner) continue;
    if (how === 'remove') delete container[key];
    else if (how === 'replace') container[key] = by;
    else if (how === 'swap') container[key] = container[keys[0]!];
    else if (typeof by === 'string') container[by] = place;
    return;
  }
}

const RUNS = 400;

describe('a document that was changed at random', () => {
  it.each(['3.1.0', '3.0.3', '2.0'])('is imported, or refused with a code: %s', (version) => {
    let imported = 0;
    const property = fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      const document = structuredClone(DOCUMENT) as Record<string, unknown>;
      if (version === '2.0') delete document['openapi'];
      document[version === '2.0' ? 'swagger' : 'openapi'] = version;
      for (const one of changes) changed(document, one);
      try {
        const customRoutes = [{ pattern: '^/pages', mcp_type: 'RESOURCE_TEMPLATE' }];
        const endpoint = 'https://a.example';
        const source = Buffer.from(JSON.stringify(document));
        const { operations, resources, skipped, security } = importDocument(source, { customRoutes, endpoint });
        for (const { inputSchema, outputSchema = { type: 'object' } } of operations) {
          expect([inputSchema.type, outputSchema.type]).toEqual(['object', 'object']);
        }
        for (const { path } of resources) expect(path).toMatch(/^\/\w+/);
        for (const { operations: count } of security)
          expect(count).toBeLessThanOrEqual(operations.length + resources.length);
        for (const { reason } of skipped) expect(reason).not.toBe('');
        imported++;
      } catch (error) {
        if (!(error instanceof ComposerError)) throw error;
      }
    });
    fc.assert(property, { numRuns: RUNS });
    expect(imported).toBeGreaterThan(RUNS / 2);
  });
});
