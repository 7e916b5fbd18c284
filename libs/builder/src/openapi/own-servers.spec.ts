import { describe, expect, it } from '@jest/globals';
import { buildRequest } from './build-request.js';
import { importDocument } from './import-document.js';
import type { OpenApiOperation } from './openapi-operation.js';

const ENDPOINT = 'https://api.example/v1';

function called(operation: object, item: object = {}, more: object = {}): { path: string; notes: string[] } {
  const parameters = [{ name: 'id', in: 'path', required: true }];
  const source = { openapi: '3.0.3', paths: { '/pets/{id}': { ...item, parameters, get: operation } }, ...more };
  const { operations, notes } = importDocument(source, { endpoint: ENDPOINT });
  const { path } = buildRequest(operations[0] as OpenApiOperation, { id: '7' }, new URL(`${ENDPOINT}?k=1`));
  return { path, notes: notes.map(({ note }) => note) };
}
const servers = (url: unknown, variables?: object) => ({ servers: [{ url, variables }] });

describe('servers in a document', () => {
  it.each([
    ['/v2', '/v2/pets/7?k=1'],
    ['/v2/', '/v2/pets/7?k=1'],
    ['/', '/pets/7?k=1'],
    ['https://api.example/other', '/other/pets/7?k=1'],
    ['https://API.example:443/other', '/other/pets/7?k=1'],
  ])('give an operation the path %s at the endpoint', (url, path) => {
    expect(called(servers(url))).toEqual({ path, notes: [] });
    expect(called({}, servers(url))).toEqual({ path, notes: [] });
  });

  it.each([
    'https://evil.example/v2',
    'http://api.example/v2',
    'https://api.example:8443/v2',
    '//evil.example/v2',
    '/\\evil.example/v2',
    'https://api.example@evil.example/v2',
    'v2',
    '../v2',
    '/v2?key=1',
    '/a%2f..%2Fb',
    '/{missing}/v2',
    7,
  ])('are ignored with a note where they lead elsewhere or say too little: %j', (url) => {
    const { path, notes } = called(servers(url));
    expect({ path, notes }).toEqual({ path: '/v1/pets/7?k=1', notes: [expect.stringContaining('are ignored')] });
  });

  it('have their variables filled with the defaults, and the first that is here counts', () => {
    const variables = { base: { default: 'v3' }, host: { default: 'api.example' } };
    expect(called(servers('https://{host}/{base}', variables)).path).toBe('/v3/pets/7?k=1');
    const hostile = { base: { default: '@evil.example' } };
    expect(called(servers('https://api.example{base}/x', hostile)).path).toBe('/v1/pets/7?k=1');
    const both = { servers: [{ url: 'https://eu.example/v4' }, { url: '/v5' }] };
    expect(called(both).path).toBe('/v5/pets/7?k=1');
  });

  it('of an operation stand before those of its path, and the endpoint before those of the document', () => {
    expect(called(servers('/a'), servers('/b')).path).toBe('/a/pets/7?k=1');
    expect(called(servers('https://evil.example'), servers('/b')).path).toBe('/v1/pets/7?k=1');
    expect(called({}, {}, servers('/v9'))).toEqual({ path: '/v1/pets/7?k=1', notes: [] });
  });
});
