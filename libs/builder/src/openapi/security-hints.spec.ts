import { describe, expect, it } from '@jest/globals';
import { importDocument } from './import-document.js';

const hintsOf = (securitySchemes: object, operations: object[] = [{}], more: object = {}) => {
  const paths = Object.fromEntries(operations.map((operation, index) => [`/${index}`, { get: operation }]));
  return importDocument({ openapi: '3.1.0', components: { securitySchemes }, paths, ...more }).security;
};

const token = 'https://id.example/token';
const authorize = 'https://id.example/authorize';

describe('what a document says of authentication', () => {
  it.each([
    [{ type: 'http', scheme: 'Basic' }, 'basic', {}],
    [{ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }, 'bearer', {}],
    [{ type: 'apiKey', in: 'query', name: 'key' }, 'apikey', { in: 'query', name: 'key' }],
    [
      { type: 'oauth2', flows: { implicit: {}, authorizationCode: { authorizationUrl: authorize, tokenUrl: token } } },
      'oauth2',
      { grant_type: 'authorization_code', token_url: token, authorization_url: authorize },
    ],
    [
      { type: 'oauth2', flows: { clientCredentials: { tokenUrl: token } } },
      'oauth2',
      { grant_type: 'client_credentials', token_url: token },
    ],
    [{ type: 'oauth2', flows: { implicit: { authorizationUrl: authorize } } }, 'oauth2', {}],
    [
      { type: 'openIdConnect', openIdConnectUrl: 'https://id.example/r/.well-known/openid-configuration' },
      'oauth2',
      { issuer_url: 'https://id.example/r' },
    ],
  ])('is told in the words of a configuration: %j', (scheme, auth_strategy, auth) => {
    expect(hintsOf({ s: scheme })).toEqual([{ scheme: 's', auth_strategy, auth, operations: 0 }]);
  });

  it.each([
    { type: 'http', scheme: 'digest' },
    { type: 'mutualTLS' },
    { type: 'apiKey', in: 'body', name: 'key' },
    { type: 'apiKey', in: 'header', name: 'a\r\nb' },
    { $ref: 'https://evil.example/s' },
    'bearer',
  ])('is no hint where no strategy speaks it: %j', (scheme) => {
    expect(hintsOf({ s: scheme })).toEqual([]);
  });

  it('counts the operations, and takes the scopes of the first alternative', () => {
    const flows = { authorizationCode: { tokenUrl: token } };
    const schemes = { key: { type: 'apiKey', in: 'header', name: 'X-Key' }, o: { type: 'oauth2', flows } };
    const operations = [
      {},
      { security: [{ o: ['read', 'a"b'] }, { o: ['admin'] }, { key: [] }] },
      { security: [] },
      { security: [{ o: ['write'], key: [] }] },
      { security: [{ other: [] }, 7] },
    ];
    const hints = hintsOf(schemes, operations, { security: [{ key: [] }] });
    expect(hints.map(({ scheme, operations: count, auth }) => [scheme, count, auth])).toEqual([
      ['key', 3, { in: 'header', name: 'X-Key' }],
      ['o', 2, { grant_type: 'authorization_code', token_url: token, scope: 'read write' }],
    ]);
  });

  it('counts none that is left out', () => {
    const source = {
      openapi: '3.0.0',
      security: [{ b: [] }],
      components: { securitySchemes: { b: { type: 'http', scheme: 'basic' } } },
      paths: { '/a': { get: {}, post: { parameters: [{ $ref: '#/nowhere' }] } }, '/b': { get: {} } },
    };
    const { security } = importDocument(source, { customRoutes: [{ pattern: '^/b', mcp_type: 'EXCLUDE' }] });
    expect(security).toMatchObject([{ operations: 1 }]);
  });

  it.each(['/token', 'ftp://id.example/t', 'https://u:p@id.example/t', `${token}?secret=1`])(
    'holds no address that tells too little or too much: %s',
    (tokenUrl) => {
      const flows = { clientCredentials: { tokenUrl } };
      expect(hintsOf({ o: { type: 'oauth2', flows } })[0]?.auth).toEqual({ grant_type: 'client_credentials' });
    },
  );

  it('is read from Swagger 2.0 as well', () => {
    const securityDefinitions = {
      b: { type: 'basic' },
      o: { type: 'oauth2', flow: 'accessCode', tokenUrl: token, authorizationUrl: authorize, scopes: { a: '' } },
    };
    const source = { swagger: '2.0', securityDefinitions, paths: { '/a': { get: { security: [{ o: ['a'] }] } } } };
    expect(importDocument(source).security).toEqual([
      {
        scheme: 'o',
        auth_strategy: 'oauth2',
        auth: { grant_type: 'authorization_code', token_url: token, authorization_url: authorize, scope: 'a' },
        operations: 1,
      },
      { scheme: 'b', auth_strategy: 'basic', auth: {}, operations: 0 },
    ]);
  });
});
