import { describe, expect, it } from '@jest/globals';
import { type CompileOptions, type OpenApiOperation, buildRequest, importDocument } from '../openapi/index.js';
import { OperationDesk } from './operation-desk.js';
import { layeredTool } from './layered-tool.js';

const endpoint = new URL('https://api.example/v1');
const text = { type: 'string' };
const json = (schema: object) => ({ 'application/json': { schema } });

const parameters = [
  { name: 'id', in: 'path', required: true, schema: text, description: 'Which.' },
  { name: 'id', in: 'query', schema: { type: 'array', items: text } },
  { name: 'X-Trace', in: 'header', schema: text },
  { name: 'tab', in: 'cookie', schema: text },
];
const body = {
  required: true,
  content: json({
    type: 'object',
    required: ['name'],
    properties: { name: text, id: text },
    additionalProperties: true,
  }),
};
const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Pets', version: '1' },
  paths: {
    '/pets/{id}': {
      put: { operationId: 'pets/put', summary: 'Puts a pet.', tags: ['pets', 7], parameters, requestBody: body },
      get: { operationId: 'pets/get', parameters: parameters.slice(0, 1), responses: {} },
      delete: { summary: 'Has no id.' },
    },
    '/lists': { post: { operationId: 'lists', requestBody: { content: json({ type: 'array', items: text }) } } },
    '/pets': { get: { operationId: 'pets/list' }, post: { operationId: 'pets/create' } },
  },
};

const compiled = (options: CompileOptions = {}) => importDocument(DOCUMENT, { isLayered: true, ...options });
const operationOf = (id: string): OpenApiOperation =>
  compiled().operations.find(({ facts }) => facts?.operationId === id)!;
const toolOf = (id: string) =>
  layeredTool(operationOf(id), { endpoint, mask: (said) => said.replaceAll('hunter2', '***') });

describe('operations of a layered member', () => {
  const idsWith = (customRoutes: unknown) =>
    compiled({ customRoutes }).operations.map(({ facts }) => facts?.operationId);
  const rule = (mcp_type: string, pattern: string, methods: unknown = '*') => ({ mcp_type, pattern, methods });

  it('carry what is told of them, and those without an id are left out', () => {
    const { operations, skipped } = compiled();
    expect(operations[0]!.name).toBe('petsget');
    expect(operationOf('pets/put').facts).toEqual({ operationId: 'pets/put', summary: 'Puts a pet.', tags: ['pets'] });
    expect(skipped).toEqual([{ operation: 'DELETE /pets/{id}', reason: expect.stringContaining('no operationId') }]);
    expect(importDocument(DOCUMENT).operations.every(({ facts }) => facts === undefined)).toBe(true);
  });

  it.each([
    ['all where there is no rule', [], 5],
    ['none that no rule takes in', [rule('TOOL', '/nothing')], 0],
    ['what fits from the start of the path alone', [rule('TOOL', 'pets')], 0],
    ['alternatives from the start, too', [rule('TOOL', 'pets|/lists')], 1],
    [
      'what is a tool or a resource, and no template',
      [rule('RESOURCE', '/pets$'), rule('RESOURCE_TEMPLATE', '/lists')],
      2,
    ],
    ['nothing that is excluded, wherever that stands', [rule('TOOL', '/'), rule('EXCLUDE', '/pets')], 1],
    ['nothing that is excluded by its method', [rule('TOOL', '/'), rule('EXCLUDE', '/', ['GET'])], 3],
  ])('are, by custom_routes, %s', (_, rules, count) => {
    expect(idsWith(rules)).toHaveLength(count);
  });

  it('are told with all that a call has to know', () => {
    const { operations } = compiled();
    const desk = new OperationDesk(operations);
    expect(desk.factsOf('petsput')).toMatchObject({ name: 'pets/put', http_method: 'PUT', path: '/pets/{id}' });
    expect(desk.detailOf('petsput')).toMatchObject({
      service: 'pets/put',
      summary: 'Puts a pet.',
      tags: ['pets'],
      parameters: [
        { name: 'id', in: 'path', required: true, type: 'string', description: 'Which.' },
        { name: 'id', in: 'query', required: false, type: 'array' },
        { name: 'X-Trace', in: 'header' },
        { name: 'tab', in: 'cookie' },
      ],
      requestBody: { type: 'object', properties: { name: text, id: text }, required: ['name'] },
    });
    expect(desk.detailOf('lists')).toMatchObject({ parameters: [], requestBody: { type: 'array' } });
    expect(desk.detailOf('petslist')).toMatchObject({ requestBody: {}, summary: '', tags: [] });
  });
});

describe('layeredTool', () => {
  it('sends what the operation’s own tool sends, with every value in the place that was meant', () => {
    const request = {
      path_params: { id: 'a b' },
      query_params: { id: ['x', 'y'] },
      headers: { 'x-trace': 't' },
      cookies: { tab: '1' },
      body: { name: 'Rex', id: 'inner', more: [1] },
    };
    const operation = operationOf('pets/put');
    const names = Object.fromEntries(operation.parameters.map((one) => [`${one.in} ${one.name}`, one.argument]));
    const args = {
      [names['path id']!]: 'a b',
      [names['query id']!]: ['x', 'y'],
      [names['header X-Trace']!]: 't',
      [names['cookie tab']!]: '1',
      name: 'Rex',
      id: 'inner',
      more: [1],
    };
    const sent = toolOf('pets/put').requestFor({ service: 'pets/put', request });
    expect(sent).toEqual(buildRequest(operation, args, endpoint));
    expect(sent).toMatchObject({ path: '/v1/pets/a%20b?id=x&id=y' });
    expect(JSON.parse(String(sent.body))).toEqual({ name: 'Rex', id: 'inner', more: [1] });
    expect(toolOf('lists').requestFor({ request: { body: ['a'] } }).body).toBe('["a"]');
    expect(toolOf('pets/list').requestFor({})).toMatchObject({ method: 'GET', path: '/v1/pets' });
  });

  it.each<[string, unknown, RegExp]>([
    ['pets/get', 'text', /request: must be an object/],
    ['pets/get', { path_params: ['a'] }, /request\.path_params: must be an object/],
    ['pets/get', { params: {} }, /request\.params: is none of/],
    ['pets/get', { path_params: { id: 'a', other: 1 } }, /request\.path_params\.other: is no parameter/],
    ['pets/get', { query_params: { id: 'a' } }, /request\.query_params\.id: is no parameter/],
    ['pets/get', {}, /id: is required/],
    ['pets/get', { path_params: { id: '..' } }, /id/],
    ['pets/get', { path_params: { id: 'a' }, body: {} }, /request\.body: is more than this operation takes/],
    ['pets/put', { path_params: { id: 'a' }, body: [] }, /request\.body: must be an object/],
    ['pets/put', { path_params: { id: 'a' }, body: { name: 'a', id__path: 'b' } }, /request\.body\.id__path/],
    ['pets/put', { path_params: { id: 'a' }, body: JSON.parse('{"name":"a","__proto__":1}') }, /__proto__/],
  ])('refuses for %s the request %j', (id, request, message) => {
    expect(() => toolOf(id).requestFor({ request })).toThrow(message);
  });

  const answerOf = (status: number, contentType: string | undefined, said: string | Buffer) =>
    toolOf('pets/get').resultOf({ status, statusText: '', contentType, body: Buffer.from(said) }) as {
      content: { type: string; text: string }[];
      structuredContent: { data: unknown };
    };

  it.each<[number, string | undefined, string, unknown]>([
    [200, 'application/json', '{"result":1}', { result: 1 }],
    [200, 'application/json', '[1,2]', [1, 2]],
    [200, 'application/json', '"text"', 'text'],
    [200, 'text/plain', 'hello', 'hello'],
    [204, undefined, '', ''],
    [404, 'application/json', '{"error":"no hunter2"}', { error: 'no ***' }],
    [500, 'text/html', '<b>no</b>', '<b>no</b>'],
    [400, 'application/json', '['.repeat(500), '['.repeat(500)],
  ])('tells of the answer %s (%s) %s', (status, contentType, said, data) => {
    const { content, structuredContent } = answerOf(status, contentType, said);
    expect(structuredContent).toEqual({ success: true, service: 'pets/get', status_code: status, data });
    expect(JSON.parse(content[0]!.text)).toEqual(structuredContent);
  });

  it('gives what is no text beside what is told', () => {
    const { content, structuredContent } = answerOf(200, 'image/png', Buffer.from([1, 2]));
    expect(content).toMatchObject([{ type: 'text' }, { type: 'image', mimeType: 'image/png' }]);
    expect(structuredContent.data).toBeNull();
  });
});
