import { describe, expect, it } from '@jest/globals';
import { UriTemplate } from '@modelcontextprotocol/sdk/shared/uriTemplate.js';
import { buildRequest } from './build-request.js';
import { importDocument } from './import-document.js';
import { contentsOf } from './resource-contents.js';
import { ResourceUris } from './resource-uris.js';

const BASE = new URL('https://api.example/v1');
const RESOURCE = [{ pattern: '', mcp_type: 'RESOURCE' }];
const TEMPLATE = [{ pattern: '', mcp_type: 'RESOURCE_TEMPLATE' }];
const json = { 200: { content: { 'application/json': {} } } };

const imported = (operation: object, customRoutes: object[] = TEMPLATE, path = '/pets/{pet-id}/{part}') =>
  importDocument(
    { openapi: '3.1.0', paths: { [path]: { get: { operationId: 'get_pet', ...operation } } } },
    { customRoutes },
  );
const urisOf = (...of: Parameters<typeof imported>) => new ResourceUris('shop', imported(...of).resources);
const query = (name: string, schema: object = {}, more: object = {}) => ({ name, in: 'query', schema, ...more });

function pathOf(uris: ResourceUris, uri: string): string | undefined {
  const found = uris.find(uri);
  return found && buildRequest(found.operation, found.argumentsIn(), BASE).path;
}

describe('an operation that is made a resource', () => {
  it('is no tool but a resource under the name of the server and its own', () => {
    const operation = { summary: 'The pets', responses: json, parameters: [query('limit', {}, { required: false })] };
    const { operations, resources, skipped, notes } = imported(operation, RESOURCE, '/pets');
    expect({ operations, skipped, notes }).toEqual({
      operations: [],
      skipped: [],
      notes: [{ operation: 'GET /pets', note: 'left out in its URI: limit' }],
    });
    const uris = new ResourceUris('shop', resources);
    expect(uris.definitions(true)).toEqual([]);
    expect(uris.definitions(false).map((text) => JSON.parse(text) as object)).toEqual([
      {
        uri: 'resource://shop/get_pet',
        name: 'get_pet',
        title: 'The pets',
        description: expect.stringContaining('The pets'),
        mimeType: 'application/json',
      },
    ]);
    expect(pathOf(uris, 'resource://shop/get_pet')).toBe('/v1/pets');
    for (const other of ['resource://shop/get', 'resource://shop/get_pet/1', 'resource://store/get_pet', 'x']) {
      expect(uris.find(other)).toBeUndefined();
    }
  });

  it('is a template of its path and its query', () => {
    const parameters = [query('q[a]'), query('tags', { type: 'array' }), query('deep', {}, { style: 'deepObject' })];
    const uris = urisOf({ parameters });
    expect(uris.definitions(false)).toEqual([]);
    expect(JSON.parse(uris.definitions(true)[0] as string)).toMatchObject({
      uriTemplate: 'resource://shop/get_pet/{pet_id}/{part}{?q_a_,tags*}',
    });
    const expand = (values: Record<string, string | string[]>) =>
      new UriTemplate('resource://shop/get_pet/{pet_id}/{part}{?q_a_,tags*}').expand(values);
    expect(pathOf(uris, expand({ pet_id: 'a b&ä', part: 'x' }))).toBe('/v1/pets/a%20b%26%C3%A4/x');
    expect(pathOf(uris, expand({ pet_id: '1', part: 'x', q_a_: 'y=&', tags: ['a,b', 'c'] }))).toBe(
      '/v1/pets/1/x?q%5Ba%5D=y%3D%26&tags=a%2Cb&tags=c',
    );
    expect(pathOf(uris, 'resource://shop/get_pet/1/x?tags=a&tags=b')).toBe('/v1/pets/1/x?tags=a&tags=b');
  });

  it.each([
    ['resource://shop/get_pet/1/..', 'part'],
    ['resource://shop/get_pet/1/%2e%2e', 'part'],
    ['resource://shop/get_pet/1/a%2Fb', 'part'],
    ['resource://shop/get_pet/1/', 'part'],
    ['resource://shop/get_pet/%ff/x', 'percent-encoded'],
    ['resource://shop/get_pet/1/x?z=1', 'is not a variable'],
    ['resource://shop/get_pet/1/x?__proto__=1', 'is not a variable'],
    ['resource://shop/get_pet/1/x?q=1&q=2', 'twice'],
  ])('is not read by what its template does not say: %s', (uri, reason) => {
    expect(() => pathOf(urisOf({ parameters: [query('q')] }), uri)).toThrow(reason);
  });

  it('is a resource where its template has no variables', () => {
    const { resources } = imported({}, TEMPLATE, '/pets');
    expect(resources).toMatchObject([{ path: '/get_pet', isTemplate: false }]);
  });

  it.each([
    ['post', {}, RESOURCE, 'a resource, and only GET operations can be read'],
    ['delete', {}, TEMPLATE, 'a resource template, and only GET operations can be read'],
    ['get', { parameters: [query('q', {}, { required: true })] }, RESOURCE, '"q"; RESOURCE_TEMPLATE takes it'],
    ['get', { parameters: [{ name: 'X-A', in: 'header', required: true }] }, TEMPLATE, 'required parameter "X-A"'],
    ['get', { parameters: [query('d', { type: 'object' }, { required: true })] }, TEMPLATE, 'required parameter "d"'],
  ])('is left out with a reason where it cannot be one: %s %j', (method, operation, customRoutes, reason) => {
    const { skipped, operations, resources } = importDocument(
      { openapi: '3.1.0', paths: { '/a': { [method]: operation } } },
      { customRoutes },
    );
    expect({ operations, resources }).toEqual({ operations: [], resources: [] });
    expect(skipped).toEqual([{ operation: `${method.toUpperCase()} /a`, reason: expect.stringContaining(reason) }]);
  });

  it('counts among what one member may have', () => {
    const paths = { '/a': { get: {} }, '/b': { get: {} } };
    expect(() => importDocument({ openapi: '3.1.0', paths }, { customRoutes: RESOURCE, maxOperations: 1 })).toThrow(
      'more than 1 operations',
    );
  });

  it('gives text and bytes with their type', () => {
    const uri = 'resource://shop/a';
    const read = (body: string | Buffer, contentType?: string, answerType?: string) =>
      contentsOf({ status: 200, contentType, body: Buffer.from(body as string) }, uri, answerType)[0];
    expect(read('{"a":1}', 'application/json; charset=utf-8')).toEqual({
      uri,
      mimeType: 'application/json',
      text: '{"a":1}',
    });
    expect(read('{"a":1}')).toEqual({ uri, mimeType: 'application/json', text: '{"a":1}' });
    expect(read('a')).toEqual({ uri, mimeType: 'text/plain', text: 'a' });
    expect(read('a,b', undefined, 'text/csv')).toEqual({ uri, mimeType: 'text/csv', text: 'a,b' });
    expect(read(Buffer.from([0xfc]), 'text/plain; charset=latin1')).toEqual({ uri, mimeType: 'text/plain', text: 'ü' });
    expect(read(Buffer.from([0xff]), 'text/plain')).toEqual({ uri, mimeType: 'text/plain', blob: '/w==' });
    expect(read(Buffer.from([1]), 'image/png')).toEqual({ uri, mimeType: 'image/png', blob: 'AQ==' });
    expect(read(Buffer.from([0xff]))).toEqual({ uri, mimeType: 'application/octet-stream', blob: '/w==' });
    expect(read('', undefined)).toEqual({ uri, mimeType: 'text/plain', text: '' });
  });
});
