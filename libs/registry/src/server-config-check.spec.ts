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
      expect(other.config).toMatchObject({ graphql: { endpoint, tools: ['query', 'fields'] } });
      expect(other.warnings).toEqual([
        'endpoint was read as graphql.endpoint',
        'introspection was read as graphql.tools: ["query", "fields"]',
      ]);
      const without = check({ endpoint, introspection: false });
      expect(without.config).toEqual(config);
      expect(without.warnings).toContain('introspection has no meaning here and was ignored');
    });

    it.each([
      ['no address', {}, ['graphql']],
      ['two addresses', { endpoint, graphql: { endpoint: 'https://b.example' } }, ['endpoint']],
      ['a file of the host', { graphql: { endpoint, schema_filepath: '/a' } }, ['graphql.schema_filepath']],
      ['a key that it does not know', { graphql: { endpoint, fields: true } }, ['graphql.fields']],
      ['tools of another kind', { graphql: { endpoint, tools: ['all'] } }, ['graphql.tools.0']],
      ['no tools', { graphql: { endpoint, tools: [] } }, ['graphql.tools']],
      ['operations that are none', { graphql: { endpoint, tools: ['operations'] } }, ['graphql.operations']],
      [
        'operations that are not offered',
        { graphql: { endpoint, tools: ['query'], operations: ['a'] } },
        ['graphql.tools'],
      ],
      ['a limit beyond the bound', { graphql: { endpoint, limits: { depth: 51 } } }, ['graphql.limits.depth']],
      [
        'a stored operation without a name that is a name',
        { graphql: { endpoint, operations: [{ name: 'a b', query: '{ a }' }] } },
        ['graphql.operations.0.name'],
      ],
    ])('refuses %s', (_, more, paths) => {
      expect(check(more).faults.map(({ path }) => path)).toEqual(paths);
    });

    it('keeps a schema of an operator, and says where it does nothing', () => {
      const warningsOf = (more: object) =>
        check({ graphql: { endpoint, schema_filepath: '/a', ...more } }, true).warnings;
      expect(warningsOf({})).toEqual([expect.stringContaining('has no effect')]);
      expect(warningsOf({ tools: ['query'] })).toHaveLength(1);
      expect(warningsOf({ tools: ['fields'] })).toEqual([]);
      expect(warningsOf({ operations: ['query A { a }'] })).toEqual([]);
    });

    it('has limits of its own, whatever part of them is given', () => {
      const { config } = check({ graphql: { endpoint, limits: { depth: 5 } } });
      expect(config).toMatchObject({ graphql: { limits: { depth: 5, fields: 1_000, aliases: 50, cost: 100_000 } } });
    });
  });

  it('says which texts of the three tools of a layered member say nothing to anybody', () => {
    const endpoint = 'https://api.example';
    const warningsOf = (facade: object, type = 'http') =>
      checkServerConfig(
        type === 'http'
          ? { id: 'm', type, endpoint, ...facade }
          : { id: 'm', type, open_api: { endpoint, spec: { openapi: '3.1.0' }, ...facade } },
        auth,
        { mayReadFiles: false },
      ).warnings;
    const tool_description = { make_tool_call: 'Do it.', find: 'Finds.', constructor: 'x', ['y'.repeat(200)]: 'x' };
    expect(warningsOf({ layered: true, tool_description })).toEqual([
      `tool_description has no effect for find, constructor, ${'y'.repeat(64)}: it is for get_service_info, get_type_info, make_tool_call`,
    ]);
    expect(warningsOf({ orges: true, tool_description: { find: 'Finds.' } }, 'openapi')).toEqual([
      'open_api.orges was read as open_api.layered',
      'open_api.tool_description has no effect for find: it is for get_service_info, get_type_info, make_tool_call',
    ]);
    expect(warningsOf({ tool_description: { make_tool_call: 'Do it.' } }, 'openapi')).toEqual([
      'open_api.tool_description has no effect until open_api.layered is true',
    ]);
    expect(warningsOf({ tool_description: {} })).toEqual([]);
    expect(warningsOf({ layered: true, tool_description: { get_type_info: 'Looks.' } })).toEqual([]);
  });

  describe('of a local member', () => {
    const check = (more: object, mayReadFiles = false) =>
      checkServerConfig({ id: 'house', type: 'local', ...more }, auth, { mayReadFiles });
    const prompts = [{ name: 'ask', template: 'Ask {who}' }];
    const tools = [{ name: 'get', description: 'Gets.', path: '/' }];
    const endpoint = 'https://api.example';

    it('takes prompts, or tools with an endpoint, and a file from operators', () => {
      expect(check({ prompts }).config).toMatchObject({ prompts: [{ name: 'ask', arguments: [], tags: [] }] });
      expect(check({ tools, endpoint }).config).toMatchObject({ tools: [{ name: 'get', method: 'GET', headers: {} }] });
      expect(check({ prompt_path: '/etc/prompts.json' }, true).faults).toEqual([]);
      expect(check({}).faults).toEqual([]);
    });

    it.each<[string, object, string[]]>([
      ['a file of a tenant', { prompt_path: '/etc/passwd' }, ['prompt_path']],
      ['both prompts and tools', { prompts, tools, endpoint }, ['tools']],
      ['tools that lead nowhere', { tools }, ['endpoint']],
      ['an endpoint without tools', { prompts, endpoint }, ['endpoint']],
      ['credentials for nobody', { prompts, auth_strategy: 'bearer', auth: { token: 'x' } }, ['auth_strategy']],
      ['headers for nobody', { prompts, headers: { a: 'b' } }, ['headers']],
      ['a tool that says nothing', { tools: [{ ...tools[0], description: ' ' }], endpoint }, ['tools.0.description']],
      ['two tools of a name', { tools: [...tools, ...tools], endpoint }, ['tools']],
      [
        'a header that steers the connection',
        { tools: [{ ...tools[0], headers: { host: 'x' } }], endpoint },
        ['tools.0.headers.host'],
      ],
      [
        'a header of two lines',
        { tools: [{ ...tools[0], headers: { a: 'b\r\nc: d' } }], endpoint },
        ['tools.0.headers.a'],
      ],
      [
        'a type of two lines',
        { tools: [{ ...tools[0], body: { content_type: 'a/b;\r\nx: y', text: '' } }], endpoint },
        ['tools.0.body'],
      ],
      ['unknown keys', { prompts: [{ ...prompts[0], code: 'x' }] }, ['prompts.0']],
      [
        'an argument of no good name',
        { prompts: [{ ...prompts[0], arguments: [{ name: '__proto__' }] }] },
        ['prompts.0.arguments.0.name'],
      ],
    ])('refuses %s', (_, more, paths) => {
      const found = check(more).faults.map(({ path }) => path);
      expect(found.filter((path) => !paths.some((wanted) => path.startsWith(wanted)))).toEqual([]);
      expect(found).not.toEqual([]);
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
