import 'reflect-metadata';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AuthAdapter } from '#auth';
import { openAuthAdapter } from '#auth/testing';
import { CONFIG_DOCUMENTATION } from './http/server-config-documentation.js';
import { addressesOf, checkServerConfig } from './server-config-check.js';

const http = { id: 'crm', type: 'http', endpoint: 'https://crm.example/mcp' };
const many = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`name-${index}`, value]));

describe('checkServerConfig', () => {
  let auth: AuthAdapter;
  beforeAll(async () => {
    auth = await openAuthAdapter();
  });

  const pathsOf = (config: object) =>
    checkServerConfig({ ...http, ...config }, auth, { mayReadFiles: false }).faults.map(({ path }) => path);

  it.each([
    ['headers', 64, (record: object) => ({ headers: record })],
    [
      'tool_auth',
      256,
      (record: object) => ({ tool_auth: Object.fromEntries(Object.keys(record).map((name) => [name, {}])) }),
    ],
    ['tools_description', 10_000, (record: object) => ({ tools_description: record })],
  ])('takes so many entries of %s (%s) and no more', (path, limit, config) => {
    expect(pathsOf(config(many(limit, 'x')))).toEqual([]);
    expect(pathsOf(config(many(limit + 1, 'x')))).toEqual([path]);
  });

  it.each([
    ['auth', { auth_strategy: 'bearer', auth: many(65, 'x') }],
    ['tool_auth.t.auth', { tool_auth: { t: { auth_strategy: 'bearer', auth: many(65, 'x') } } }],
  ])('names %s alone when it has more settings than any strategy', (path, config) => {
    expect(pathsOf(config)).toEqual([path]);
  });

  it.each([
    'accept',
    'Accept-Encoding',
    'Content-Type',
    'content-encoding',
    'host',
    'TE',
    'Mcp-Session-Id',
    'n'.repeat(129),
  ])('refuses %s as a static header and as the header of a key', (name) => {
    expect(pathsOf({ headers: { [name]: 'x' } })).toEqual([`headers.${name}`]);
    expect(pathsOf({ auth_strategy: 'apikey', auth: { apikey: 'key', name } })).toEqual(['auth.name']);
  });

  it('refuses static headers that no request could carry together', () => {
    expect(pathsOf({ headers: { a: 'x'.repeat(9_000), b: 'x'.repeat(7_000) } })).toEqual([]);
    expect(pathsOf({ headers: { a: 'x'.repeat(9_000), b: 'x'.repeat(9_000) } })).toEqual(['headers']);
  });

  describe('of a graphql member', () => {
    const check = (more: object, mayReadFiles = false) =>
      checkServerConfig({ id: 'crm', type: 'graphql', ...more }, auth, { mayReadFiles });
    const endpoint = 'https://crm.example/graphql';

    it('reads both forms that the original documents, and says so', () => {
      const { config } = check({ graphql: { endpoint } });
      expect(config).toMatchObject({ type: 'graphql', graphql: { endpoint, operations: [] } });
      const other = check({ endpoint, introspection: true });
      expect(other.config).toEqual(config);
      expect(other.warnings).toEqual([
        'endpoint was read as graphql.endpoint',
        'introspection has no meaning here and was ignored',
      ]);
    });

    it.each([
      ['no address', {}, ['graphql']],
      ['two addresses', { endpoint, graphql: { endpoint: 'https://b.example' } }, ['endpoint']],
      ['a file of the host', { graphql: { endpoint, schema_filepath: '/a' } }, ['graphql.schema_filepath']],
      ['single operations', { graphql: { endpoint, operations: ['a'] } }, ['graphql.operations.0']],
    ])('refuses %s', (_, more, paths) => {
      expect(check(more).faults.map(({ path }) => path)).toEqual(paths);
    });

    it('keeps a schema of an operator, and says that it does nothing yet', () => {
      const { faults, warnings } = check({ graphql: { endpoint, schema_filepath: '/a' } }, true);
      expect({ faults, warnings }).toEqual({ faults: [], warnings: [expect.stringContaining('has no effect')] });
    });
  });

  it.each(['http', 'sse'])('refuses the composer itself as a member of type %s', (type) => {
    expect(pathsOf({ type, endpoint: 'http://127.0.0.1:9000/mcp' })).toEqual(['endpoint']);
  });

  it('documents the limits', () => {
    expect(JSON.stringify(CONFIG_DOCUMENTATION)).toMatch(/"maxProperties":64\b.*"maxProperties":256\b/);
  });
});

describe('spellings of the original', () => {
  it.each([
    ['auth_genration_method', 'token_gen_auth_method', 'jwt'],
    ['authGenrationMethod', 'token_gen_auth_method', 'jwt'],
    ['api_key', 'apikey', 'k'],
  ])('reads %s of dynamic_bearer as %s, of a member and of a tool, and says so', async (written, read, value) => {
    const auth = {
      token_url: 'https://iam.example/token',
      ...(read === 'apikey' ? {} : { apikey: 'k' }),
      [written]: value,
    };
    const block = { auth_strategy: 'dynamic_bearer', auth };
    const config = { ...http, ...block, tool_auth: { pay: block } };
    const checked = checkServerConfig(config, await openAuthAdapter(), { mayReadFiles: false });
    expect(checked.faults).toEqual([]);
    expect(checked.config).toMatchObject({ auth: { [read]: value }, tool_auth: { pay: { auth: { [read]: value } } } });
    expect(checked.warnings).toEqual([
      `auth.${written} was read as auth.${read}`,
      `tool_auth.pay.auth.${written} was read as tool_auth.pay.auth.${read}`,
    ]);
  });
});

describe('addressesOf', () => {
  it('gives the addresses that are called, and none of data', () => {
    const config = {
      endpoint: 'https://a.example',
      open_api: {
        endpoint: 'https://b.example',
        spec_url: 'https://c.example',
        spec: { servers: [{ url: 'https://data.example' }], doc_url: 'https://data.example' },
      },
      graphql: { endpoint: 'https://g.example', schema_filepath: '/data' },
      auth: {
        token_url: 'https://d.example',
        loginUrl: 'https://e.example',
        issuer: 'https://i.example',
        token: 'https://data.example',
      },
      tool_auth: { pay: { auth: { token_url: 'https://f.example' } } },
      headers: { callback_url: 'https://data.example' },
      unknown: { some_url: 'https://data.example' },
    };
    expect(addressesOf(config).map(({ path }) => path)).toEqual([
      'endpoint',
      'open_api.endpoint',
      'open_api.spec_url',
      'graphql.endpoint',
      'auth.token_url',
      'auth.loginUrl',
      'auth.issuer',
      'tool_auth.pay.auth.token_url',
    ]);
  });
});
