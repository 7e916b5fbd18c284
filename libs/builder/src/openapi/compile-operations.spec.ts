import { describe, expect, it } from '@jest/globals';
import { compileOperations } from './compile-operations.js';
import { INPUT_LIMITS, type OpenApiOperation } from './openapi-operation.js';
import { InvalidRoutesError, TooManyOperationsError } from './openapi.errors.js';
import { parseDocument } from './parse-document.js';

const compile = (paths: object, options = {}, more: object = {}) =>
  compileOperations(parseDocument({ openapi: '3.0.3', paths, ...more }), options);

function only(paths: object, more: object = {}): OpenApiOperation {
  const { operations, skipped } = compile(paths, {}, more);
  expect(skipped).toEqual([]);
  expect(operations).toHaveLength(1);
  return operations[0] as OpenApiOperation;
}

const reasonOf = (paths: object, more: object = {}) => compile(paths, {}, more).skipped[0]?.reason;
const query = (schema: object, more: object = {}) => ({
  '/a': { get: { parameters: [{ name: 'q', in: 'query', schema, ...more }] } },
});
const jsonBody = (schema: object, more: object = {}) => ({
  '/a': { post: { requestBody: { required: true, content: { 'application/json': { schema } } }, ...more } },
});

describe('the name of a tool', () => {
  const named = (operation: object, path = '/a') => only({ [path]: { get: operation } }).name;

  it.each([
    ['listPets', 'listPets'],
    ['list_pets__extra__more', 'list_pets'],
    ['list pets - all.now', 'list_pets_all_now'],
    ['_list(pets)_', 'listpets'],
    ['größe', 'gre'],
    ['x'.repeat(80), 'x'.repeat(56)],
  ])('is made of the operationId %s', (operationId, name) => {
    expect(named({ operationId, summary: 'never' })).toBe(name);
  });

  it('is made of the summary where there is no id, and else of method and path', () => {
    expect(named({ summary: 'List all pets!' })).toBe('List_all_pets');
    expect(named({}, '/v1/pets/{id}.json')).toBe('GET_v1petsid_json');
  });

  it('is never empty', () => {
    expect(named({ operationId: '一覧' })).toBe('GET_a');
    expect(named({ operationId: '__init__' })).toBe('GET_a');
  });

  it('gets a number where it is taken, in the order of the document', () => {
    const ids = ['pets', 'pets', 'pets_2', 'pets', 'pets_2'];
    const paths = Object.fromEntries(ids.map((operationId, index) => [`/${index}`, { get: { operationId } }]));
    expect(compile(paths).operations.map(({ name }) => name)).toEqual([
      'pets',
      'pets_2',
      'pets_2_2',
      'pets_3',
      'pets_2_3',
    ]);
    expect(
      compile({ '/a': { post: { operationId: 'p' }, get: { operationId: 'p' } } }).operations.map(
        ({ method, name }) => [method, name],
      ),
    ).toEqual([
      ['GET', 'p'],
      ['POST', 'p_2'],
    ]);
  });

  it('does not change when an operation before it cannot become a tool', () => {
    const upload = { requestBody: { required: true, content: { '': {} } } };
    const { operations } = compile({
      '/a': { post: { operationId: 'p', ...upload } },
      '/b': { post: { operationId: 'p' } },
    });
    expect(operations.map(({ name }) => name)).toEqual(['p_2']);
  });
});

describe('custom_routes', () => {
  const paths = { '/pets': { get: {}, post: {} }, '/admin/pets': { get: {} } };
  const kept = (customRoutes: unknown) =>
    compile(paths, { customRoutes }).operations.map(({ method, path }) => `${method} ${path}`);

  it('leave everything in where no rule fits', () => {
    expect(kept([])).toHaveLength(3);
    expect(kept([{ pattern: 'nowhere', mcp_type: 'EXCLUDE' }])).toHaveLength(3);
  });

  it('are searched for anywhere in the path, and the first that fits decides', () => {
    expect(
      kept([
        { methods: ['GET'], pattern: '.*', mcp_type: 'tool' },
        { pattern: '.*', mcp_type: 'EXCLUDE' },
      ]),
    ).toEqual(['GET /pets', 'GET /admin/pets']);
    expect(kept([{ methods: '*', pattern: 'min/p', mcp_type: 'exclude' }])).toEqual(['GET /pets', 'POST /pets']);
    expect(kept('[{"methods":["post"],"pattern":"^/pets$","mcp_type":"EXCLUDE"}]')).toEqual([
      'GET /pets',
      'GET /admin/pets',
    ]);
  });

  it('give a reason for every operation that they take away', () => {
    const customRoutes = [
      { pattern: 'admin', mcp_type: 'EXCLUDE' },
      { methods: ['POST'], mcp_type: 'RESOURCE' },
    ];
    expect(compile(paths, { customRoutes }).skipped).toEqual([
      { operation: 'POST /pets', reason: expect.stringContaining('resource') },
      { operation: 'GET /admin/pets', reason: 'excluded by open_api.custom_routes' },
    ]);
  });

  it.each([
    [{}, 'open_api.custom_routes'],
    ['{', 'open_api.custom_routes'],
    ['./routes.json', 'open_api.custom_routes'],
    [[{ mcp_type: 'TOOL', pattern: '(' }], 'open_api.custom_routes[0].pattern'],
    [[{ mcp_type: 'TOOL', pattern: 7 }], 'open_api.custom_routes[0].pattern'],
    [[{ mcp_type: 'TOOL', methods: ['FETCH'] }], 'open_api.custom_routes[0].methods'],
    [[{ mcp_type: 'TOOL' }, { pattern: 'a' }], 'open_api.custom_routes[1].mcp_type'],
    [[null], 'open_api.custom_routes[0]'],
  ])('are refused with the place of the fault: %j', (customRoutes, path) => {
    expect(() => kept(customRoutes)).toThrow(InvalidRoutesError);
    expect(() => kept(customRoutes)).toThrow(
      expect.objectContaining({ status: 422, faults: [expect.objectContaining({ path })] }),
    );
  });
});

describe('an operation', () => {
  it.each([
    ['no media type', { '/a': { post: { requestBody: { required: true, content: { '': {} } } } } }],
    ['style', { '/a': { get: { parameters: [{ name: 'q', in: 'query', required: true, style: 'tabDelimited' }] } } }],
    ['querystring', { '/a': { get: { parameters: [{ name: 'q', in: 'querystring', required: true }] } } }],
    ['method', { '/a': { trace: {} } }],
    ['slash', { 'a/b': { get: {} } }],
    ['slash', { '//evil.example/a': { get: {} } }],
    ['the path holds', { '/a/../b': { get: {} } }],
    ['the path holds', { '/a/%2e%2E/b': { get: {} } }],
    ['the path holds', { '/a\\b': { get: {} } }],
    ['the path holds', { '/a?b="1"': { get: {} } }],
    ['the path holds', { '/a\n': { get: {} } }],
    ['in a circle', { '/a': { $ref: '#/paths/~1a' } }],
  ])('is skipped with a reason: %s', (reason, paths) => {
    expect(reasonOf(paths)).toContain(reason);
  });

  it.each([
    ['style', { required: true, in: 'query', style: 'tabDelimited' }],
    ['reference', { in: 'query', schema: { $ref: '#/components/schemas/None' } }],
    ['style, though it may be left out', { in: 'query', style: 'tabDelimited' }],
  ])('is judged by its own parameter, and not by one that it overrides: %s', (_, above) => {
    const own = { name: 'q', in: 'query', schema: { type: 'integer' } };
    const paths = (get: object) => ({ '/a': { parameters: [{ name: 'q', ...above }], get } });
    const { operations, skipped, notes } = compile(paths({ parameters: [own] }));
    expect({ skipped, notes }).toEqual({ skipped: [], notes: [] });
    expect(operations[0]?.parameters).toMatchObject([{ name: 'q', in: 'query', style: 'form' }]);
    expect(compile(paths({ parameters: [{ ...own, in: 'header' }] }))).not.toMatchObject({ skipped: [], notes: [] });
  });

  it('says what it does and answers in at most 4 KiB, and hides nothing', () => {
    const paths = (more: object) => ({
      '/a': {
        get: {
          responses: {
            200: {
              description: 'All',
              content: { 'application/json': { schema: { type: 'array', items: { properties: { id: {} } } } } },
            },
          },
          ...more,
        },
      },
    });
    expect(only(paths({ description: 'Lists', summary: 'no' })).description).toBe(
      'Lists\n\nResponses:\n- 200: All (list of id)',
    );
    expect(only(paths({ summary: 'Short' })).description).toMatch(/^Short\n/);
    expect(only(paths({ description: '\u200b' })).description).toMatch(/^Executes GET \/a\n/);
    const hidden = only(
      paths({
        description: `a\u0000\u202e\u2066\u200d\ufeff\ufff9\u3164\u034f\ufe0f\u{e0041}\u00ad\u001b[31mb\r\nc${'é'.repeat(9_000)}`,
      }),
    ).description;
    expect(hidden).toMatch(/^a\[31mb\ncé+…\n/);
    expect(Buffer.byteLength(hidden)).toBeLessThanOrEqual(4096);
  });

  it('carries the hints of its method', () => {
    const hints = (method: string) =>
      Object.entries(only({ '/a': { [method]: {} } }).annotations).flatMap(([hint, is]) =>
        is === true ? [hint.replace('Hint', '')] : [],
      );
    expect(hints('get')).toEqual(['readOnly', 'idempotent', 'openWorld']);
    expect(hints('post')).toEqual(['destructive', 'openWorld']);
    expect(hints('put')).toEqual(['destructive', 'idempotent', 'openWorld']);
    expect(hints('delete')).toEqual(['destructive', 'idempotent', 'openWorld']);
  });

  it('is plain JSON', () => {
    const operation = only(jsonBody({ type: 'object', properties: { a: { type: 'string', nullable: true } } }));
    expect(JSON.parse(JSON.stringify(operation))).toEqual(operation);
  });
});

describe('a document made to do harm', () => {
  const sizeOf = (operation: OpenApiOperation) => Buffer.byteLength(JSON.stringify(operation.inputSchema));
  const fanOut = (levels: number, keyword: 'properties' | 'allOf') => ({
    schemas: Object.fromEntries(
      Array.from({ length: levels }, (_, level) => {
        const below = Array.from({ length: 9 }, (__, n) =>
          level + 1 < levels ? { $ref: `#/components/schemas/L${level + 1}` } : { properties: { [`x${n}`]: {} } },
        );
        return [`L${level}`, { type: 'object', [keyword]: keyword === 'allOf' ? below : Object.assign({}, below) }];
      }),
    ),
  });

  it.each(['properties', 'allOf'] as const)('does not grow by references under %s', (keyword) => {
    const { operations } = compile(
      jsonBody({ $ref: '#/components/schemas/L0' }),
      {},
      { components: fanOut(8, keyword) },
    );
    expect(sizeOf(operations[0] as OpenApiOperation)).toBeLessThan(16 * 1024);
    // Too many parts to take an object apart: it is given as a whole.
    expect(Object.keys(operations[0]?.inputSchema.properties ?? {})).toHaveLength(keyword === 'allOf' ? 1 : 9);
  });

  it('does not put more into a tool than fits, and says so', () => {
    const wide = Object.fromEntries(
      Array.from({ length: 500 }, (_, n) => [`p${n}`, { type: 'string', description: 'x'.repeat(900) }]),
    );
    const operation = only(jsonBody({ type: 'object', properties: wide }));
    expect(sizeOf(operation)).toBeLessThanOrEqual(INPUT_LIMITS.maxBytes);
    expect(operation.description).toContain('shown simplified');
    expect(Object.keys(operation.inputSchema.properties ?? {})).toHaveLength(500);
  });

  it('does not put more into a tool than fits when every definition is another one', () => {
    const schemas = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, n) => [
        `S${n}`,
        { properties: { next: { $ref: `#/components/schemas/S${n + 1}` } } },
      ]),
    );
    const components = { schemas: { ...schemas, S20000: {} } };
    const operation = only(query({ $ref: '#/components/schemas/S0' }), { components });
    expect(sizeOf(operation)).toBeLessThanOrEqual(INPUT_LIMITS.maxBytes);
    expect(operation.description).toContain('shown simplified');
  });

  it('does not nest deeper than 32 levels', () => {
    let schema: object = { type: 'string' };
    for (let level = 0; level < 50; level++) schema = { items: schema };
    const operation = only(query(schema));
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
    expect(depth(operation.inputSchema)).toBe(INPUT_LIMITS.maxDepth);
    expect(operation.description).toContain('shown simplified');
  });

  it('is skipped where even the names do not fit', () => {
    const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`p${n}`, {}]));
    expect(reasonOf(jsonBody({ type: 'object', properties: wide }))).toContain('5000 arguments');
    expect(reasonOf(query({ enum: ['x'.repeat(200_000)] }))).toContain('bytes');
  });

  it('is refused with more operations than allowed, unless rules leave enough out', () => {
    const paths = Object.fromEntries(Array.from({ length: 2_001 }, (_, n) => [`/${n}`, { get: {} }]));
    expect(() => compile(paths)).toThrow(TooManyOperationsError);
    expect(compile(paths, { customRoutes: [{ pattern: '^/1000$', mcp_type: 'EXCLUDE' }] }).operations).toHaveLength(
      2_000,
    );
    expect(() => compile(paths, { maxOperations: 10, customRoutes: [{ mcp_type: 'EXCLUDE' }] })).toThrow(
      TooManyOperationsError,
    );
  });

  it('is refused with rules that would take too long on it', () => {
    const paths = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`/${'a'.repeat(200)}${n}`, { get: {} }]));
    const rule = { pattern: '(.*a){90}(.*b){70}x', mcp_type: 'EXCLUDE' };
    expect(() => compile(paths, { customRoutes: [rule, rule] })).toThrow(InvalidRoutesError);
  });

  it('does not make more of all its tools together than twice 20 MiB', () => {
    const big = {
      type: 'object',
      properties: Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`${'p'.repeat(100)}${n}`, {}])),
    };
    const body = { content: { 'application/json': { schema: { $ref: '#/components/schemas/Big' } } } };
    const paths = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`/${n}`, { post: { requestBody: body } }]));
    const { operations, skipped } = compile(paths, {}, { components: { schemas: { Big: big } } });
    expect(operations.reduce((sum, operation) => sum + sizeOf(operation), 0)).toBeLessThan(41 * 1024 * 1024);
    expect(skipped.at(-1)?.reason).toContain('too large in all');
  });
});

describe('a Swagger 2.0 document', () => {
  const swagger = (paths: object, more: object = {}) =>
    compileOperations(parseDocument({ swagger: '2.0', paths, ...more }));

  it('has its parameters, body and references converted', () => {
    const { operations, skipped } = swagger(
      {
        '/pets/{id}': {
          parameters: [{ $ref: '#/parameters/Id' }],
          put: {
            parameters: [
              { name: 'tags', in: 'query', type: 'array', items: { type: 'string' }, collectionFormat: 'pipes' },
              { name: 'csv', in: 'query', type: 'array', items: { type: 'string' } },
              { name: 'pet', in: 'body', required: true, schema: { $ref: '#/definitions/Pet' } },
            ],
            responses: { 200: { description: 'ok', schema: { $ref: '#/definitions/Pet' } } },
          },
        },
      },
      {
        parameters: { Id: { name: 'id', in: 'path', required: true, type: 'integer' } },
        definitions: {
          Pet: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, parent: { $ref: '#/definitions/Pet' } },
          },
        },
      },
    );
    expect(skipped).toEqual([]);
    expect(operations[0]).toMatchObject({
      inputSchema: {
        properties: {
          id: { type: 'integer' },
          tags: { type: 'array', items: { type: 'string' } },
          name: { type: 'string' },
          parent: { $ref: '#/$defs/Pet' },
        },
        required: ['id', 'name'],
      },
      parameters: [
        { name: 'id', style: 'simple' },
        { name: 'tags', style: 'pipeDelimited', explode: false },
        { name: 'csv', style: 'form', explode: false },
      ],
      body: { contentType: 'application/json', required: true },
      description: expect.stringContaining('200: ok (name, parent)'),
    });
  });

  it('has its form fields put into a form, or into its parts where there is a file', () => {
    const post = (parameters: object[], consumes?: string[]) =>
      swagger({ '/a': { post: { parameters, ...(consumes && { consumes }) } } });
    const field = { name: 'a', in: 'formData', type: 'array', items: {}, collectionFormat: 'multi', required: true };
    expect(post([field]).operations[0]?.body).toMatchObject({
      kind: 'form',
      required: true,
      properties: [{ name: 'a', style: 'form', explode: true }],
    });
    expect(post([{ name: 'f', in: 'formData', type: 'file' }]).operations[0]?.body).toMatchObject({
      kind: 'multipart',
      properties: [{ name: 'f', file: true }],
    });
    expect(post([{ ...field, name: '__proto__' }]).operations[0]?.inputSchema.properties).toEqual({});
    expect(
      post([{ name: 'q', in: 'query', type: 'array', required: true, collectionFormat: 'tsv' }]).skipped[0]?.reason,
    ).toContain('style');
    expect(post([{ name: 'q', in: 'query', type: 'string', required: true, collectionFormat: 'tsv' }]).skipped).toEqual(
      [],
    );
    expect(post([{ $ref: 'http://127.0.0.1/x' }]).skipped[0]?.reason).toContain('leaves the document');
  });
});
