import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callTool, modern, sendModern, toolNames } from '../fixtures/mcp-clients.js';
import { type McpMember, startLegacyMember, startModernMember } from '../fixtures/mcp-members.js';
import { sent } from '../fixtures/openapi-member.js';
import { type RecordedRequest, type RestService, startRestService } from '../fixtures/rest-service.js';
import { type Sentinel, startSentinel } from '../fixtures/sentinel.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

type Auth = Readonly<Record<string, unknown>>;

/** Strategy, settings, the header that carries the credential, and its one value. */
const STRATEGIES: readonly [string, Auth, string, string][] = [
  ['basic', { username: 'ann', password: 'pass:wörd' }, 'authorization', `Basic ${base64('ann:pass:wörd')}`],
  ['basic', { apikey: 'sk_live_8', password: '' }, 'authorization', `Basic ${base64('sk_live_8:')}`],
  ['bearer', { token: 'tok-1' }, 'authorization', 'Bearer tok-1'],
  ['bearer', { token: 'tok-2', auth_prefix: 'JWT' }, 'authorization', 'JWT tok-2'],
  ['apitoken', { token: 'tok-3', auth_prefix: 'Token' }, 'authorization', 'Token tok-3'],
  ['apiToken', { token: 'tok-4', auth_prefix: 'apiToken' }, 'authorization', 'apiToken tok-4'],
  ['apikey', { apikey: 'key-1' }, 'x-api-key', 'key-1'],
  ['apikey', { apikey: 'key-2', auth_prefix: 'X-Service-Key' }, 'x-service-key', 'key-2'],
  ['apikey', { apikey: 'key-3', auth_prefix: 'ApiKey' }, 'authorization', 'ApiKey key-3'],
  ['apikey', { apikey: 'key-4', name: 'X-Secret' }, 'x-secret', 'key-4'],
  ['apikey', { apikey: 'key-5', in: 'header', name: 'X-Secret' }, 'x-secret', 'key-5'],
  ['apikey', { apikey: 'key 6/&=', in: 'query', name: 'api key' }, 'query', '?api+key=key+6%2F%26%3D'],
  ['apikey', { apikey: 'key-7', in: 'cookie', name: 'sid' }, 'cookie', 'sid=key-7'],
];

const SECRETS = ['password', 'token', 'apikey'];

let composer: ComposerProcess;

beforeAll(async () => void (composer = await startComposer()), 60_000);
afterAll(() => composer.stop());

describe.each(STRATEGIES)('a member with %s %j', (strategy, auth, header, value) => {
  const carries = (request: RecordedRequest) => {
    if (header === 'query') return request.url.endsWith(value);
    return JSON.stringify(sent(request, header)) === JSON.stringify([value]);
  };
  const secret = String(Object.entries(auth).find(([key]) => SECRETS.includes(key))?.[1]);

  it.each(['REST', 'the management tool'])(
    'gets exactly this credential once a call, registered by %s',
    async (way) => {
      const service = await startRestService({ check: carries });
      const id = 'shop';
      try {
        const config = service.member(id, { auth_strategy: strategy, auth });
        if (way === 'REST') expect((await composer.api('POST', '/api/v1/servers', config)).status).toBe(201);
        else {
          const { content } = await callTool(composer.url, 'register_mcp_server', { config });
          expect(content).toEqual([{ type: 'text', text: "Server 'shop' mounted successfully." }]);
        }
        service.forget();
        const result = await callTool(composer.url, 'shop_get_order', { orderId: '7' });
        expect(result).toMatchObject({ structuredContent: { id: '7' } });
        expect(service.calls()).toHaveLength(1);
        expect(service.calls().every(carries)).toBe(true);
        expect(strayCredentials(service.calls()[0]!, header)).toEqual([]);

        const shown = await composer.api('GET', `/api/v1/servers/${id}`);
        const secrets = Object.keys(auth).filter((key) => SECRETS.includes(key));
        expect(shown.body.auth).toMatchObject(Object.fromEntries(secrets.map((key) => [key, { set: true }])));
        const everything = [shown.body, (await composer.api('GET', '/api/v1/servers')).body];
        everything.push(
          await callTool(composer.url, 'list_servers'),
          (await composer.api('GET', `/api/v1/servers/${id}/versions`)).body,
        );
        expect(JSON.stringify(everything)).not.toContain(secret);
      } finally {
        await composer.api('DELETE', `/api/v1/servers/${id}`);
        await service.stop();
      }
    },
  );

  it('is told as refused by a service that wants another one', async () => {
    const service = await startRestService({ check: () => false });
    try {
      await composer.api('POST', '/api/v1/servers', service.member('shop', { auth_strategy: strategy, auth }));
      const result = await callTool(composer.url, 'shop_get_order', { orderId: '7' });
      expect(result).toMatchObject({ isError: true });
      expect(result.content[0].text).toMatch(/401/);
      expect(JSON.stringify(result)).not.toContain(secret);
    } finally {
      await composer.api('DELETE', '/api/v1/servers/shop');
      await service.stop();
    }
  });

  it.each([
    ['legacy', startLegacyMember],
    ['modern', startModernMember],
  ] as const)('carries it to an MCP member of the %s era, with every request', async (_era, start) => {
    const admits = (headers: RecordedRequest['headers'], url: string) =>
      header === 'query' ? url.endsWith(value) : headers[header] === value;
    const member = await start({ admits });
    try {
      const config = { id: 'mcp', type: 'http', endpoint: member.url, auth_strategy: strategy, auth };
      const { status, body } = await composer.api('POST', '/api/v1/servers', config);
      expect({ status, problem: body._meta.problem }).toEqual({ status: 201 });
      const result = await callTool(composer.url, 'mcp_echo', { message: 'in' });
      expect(result.content[0].text).toMatch(/: in$/);
    } finally {
      await composer.api('DELETE', '/api/v1/servers/mcp');
      await member.close();
    }
  });
});

describe('none', () => {
  it('sends no credential of any kind, and not the caller’s own', async () => {
    const service = await startRestService();
    try {
      for (const more of [{}, { auth_strategy: 'none' }]) {
        await composer.api('POST', '/api/v1/servers', service.member('open', more));
        service.forget();
        const own = { authorization: 'Bearer callers-own', cookie: 'a=b', 'x-api-key': 'callers-own' };
        const call = { name: 'open_get_order', arguments: { orderId: '1' } };
        const { json } = await sendModern(composer.url, { id: 1, method: 'tools/call', params: call }, own);
        expect(json.result.structuredContent).toMatchObject({ id: '1' });
        expect(strayCredentials(service.calls()[0]!, '')).toEqual([]);
        expect(JSON.stringify(service.calls())).not.toContain('callers-own');
        await composer.api('DELETE', '/api/v1/servers/open');
      }
    } finally {
      await service.stop();
    }
  });
});

describe('tool_auth', () => {
  it('takes the place of the member’s credential for its one tool', async () => {
    const service = await startRestService();
    const tool_auth = { get_order: { auth_strategy: 'apikey', auth: { apikey: 'tool-key', name: 'X-Tool' } } };
    try {
      const auth = { auth_strategy: 'bearer', auth: { token: 'member-token' }, tool_auth };
      await composer.api('POST', '/api/v1/servers', service.member('shop', auth));
      service.forget();
      await callTool(composer.url, 'shop_get_order', { orderId: '1' });
      await callTool(composer.url, 'shop_list_orders');
      const [own, others] = service.calls();
      expect([sent(own!, 'x-tool'), sent(own!, 'authorization')]).toEqual([['tool-key'], []]);
      expect([sent(others!, 'x-tool'), sent(others!, 'authorization')]).toEqual([[], ['Bearer member-token']]);
      const { body } = await composer.api('GET', '/api/v1/servers/shop');
      expect(body.tool_auth.get_order.auth).toMatchObject({ apikey: { set: true }, name: 'X-Tool' });
    } finally {
      await composer.api('DELETE', '/api/v1/servers/shop');
      await service.stop();
    }
  });
});

describe('what is refused', () => {
  let sentinel: Sentinel;
  beforeAll(async () => void (sentinel = await startSentinel()));
  afterAll(() => sentinel.close());

  it.each([
    ['an unknown strategy', { auth_strategy: 'kerberos', auth: {} }, ['auth_strategy']],
    ['settings without a strategy', { auth: { token: 'x' } }, ['auth_strategy']],
    ['a strategy without its secret', { auth_strategy: 'bearer', auth: {} }, ['auth.token']],
    ['settings of another strategy', { auth_strategy: 'bearer', auth: { token: 'x', apikey: 'y' } }, ['auth.apikey']],
    [
      'a strategy of a tool that is not known',
      { tool_auth: { a: { auth_strategy: 'x' } } },
      ['tool_auth.a.auth_strategy'],
    ],
    ['a secret that would end its header', { auth_strategy: 'bearer', auth: { token: 'a\r\nb' } }, ['auth.token']],
    [
      'a key in the query without a name',
      { auth_strategy: 'apikey', auth: { apikey: 'a', in: 'query' } },
      ['auth.name'],
    ],
    ['a marker without a stored value', { auth_strategy: 'bearer', auth: { token: { set: true } } }, ['auth.token']],
    ['unknown keys, all of them', { foo: 1, bar: 2, health_check: { baz: 3 } }, ['foo', 'bar', 'health_check.baz']],
    [
      'values that do not fit',
      { timeout: 0, retry_attempts: 99, status: 'on' },
      ['timeout', 'retry_attempts', 'status'],
    ],
  ])('is %s, named by path; nothing is stored, nothing is sent', async (_what, more, paths) => {
    const config = { id: 'bad', type: 'http', endpoint: sentinel.url, ...more };
    const rest = await composer.api('POST', '/api/v1/servers', config);
    expect(rest).toMatchObject({ status: 422, body: { code: 'COMPOSER_SERVER_CONFIG_INVALID', status: 422 } });
    expect(rest.headers.get('content-type')).toMatch('application/problem+json');
    expect(rest.body.faults.map(({ path }: { path: string }) => path).sort()).toEqual([...paths].sort());
    const tool = await callTool(composer.url, 'register_mcp_server', { config });
    expect(tool.isError).toBe(true);
    for (const path of paths) expect(tool.content[0].text).toContain(path);
    expect((await composer.api('GET', '/api/v1/servers/bad')).status).toBe(404);
    expect(sentinel.connections()).toBe(0);
  });

  it.each([
    ['no object', []],
    ['no type', { id: 'a' }],
    ['an id with a slash', { id: 'a/b', type: 'http', endpoint: 'http://127.0.0.1:1' }],
    ['no endpoint', { id: 'a', type: 'http' }],
    [
      'two sources of one specification',
      {
        id: 'a',
        type: 'openapi',
        open_api: { endpoint: 'http://127.0.0.1:1', spec: {}, spec_url: 'http://127.0.0.1:1' },
      },
    ],
    ['credentials within an address', { id: 'a', type: 'http', endpoint: 'http://u:p@127.0.0.1:1/' }],
  ])('is %s', async (_what, config) => {
    const { status, body } = await composer.api('POST', '/api/v1/servers', config);
    expect(status).toBe(422);
    expect(body).toMatchObject({ type: 'about:blank', status: 422, requestId: expect.any(String) });
    expect((await composer.api('GET', '/api/v1/servers')).body.items).toEqual([]);
  });
});

describe('the management tools', () => {
  let service: RestService;
  let member: McpMember;
  beforeAll(async () => void ([service, member] = await Promise.all([startRestService(), startModernMember()])));
  afterAll(() => Promise.all([service.stop(), member.close()]));

  it('carry the names, parameters and texts that users of the original know', async () => {
    const run = async (name: string, args: Record<string, unknown> = {}) => {
      const { content, isError, structuredContent } = await callTool(composer.url, name, args);
      return { text: content[0].text as string, isError, data: structuredContent?.result };
    };
    const config = service.member('shop');
    expect(await run('register_mcp_server', { config })).toEqual({
      text: "Server 'shop' mounted successfully.",
      data: "Server 'shop' mounted successfully.",
    });
    expect((await run('register_mcp_server', { config })).text).toMatch(/exists already.*COMPOSER_SERVER_EXISTS/s);
    const [listed] = (await run('list_servers')).data;
    expect(listed).toMatchObject({
      id: 'shop',
      type: 'openapi',
      server_name: 'proxy_shop',
      endpoint: service.url,
      status: 'active',
    });
    expect((await run('list_member_servers')).data).toHaveLength(1);
    expect((await run('member_health')).data).toEqual([{ status: 'OK', server_name: 'shop', state: 'ok' }]);

    expect((await run('deactivate_mcp_server', { server_id: 'shop' })).text).toBe("Server 'shop' deactivated.");
    expect(await toolNames(composer.url)).not.toContain('shop_get_order');
    expect((await run('list_servers')).data).toMatchObject([{ id: 'shop', status: 'deactivated' }]);
    expect((await run('activate_mcp_server', { server_id: 'shop' })).text).toBe("Server 'shop' activated");
    expect(await toolNames(composer.url)).toContain('shop_get_order');

    const update = { server_id: 'shop', new_config: { label: 'The shop' } };
    expect((await run('update_mcp_server_config', update)).isError).toBeUndefined();
    expect((await run('list_servers')).data).toMatchObject([{ id: 'shop', label: 'The shop' }]);
    const replaced = { server_id: 'shop', mode: 'replace', new_config: config };
    expect((await run('update_mcp_server_config', replaced)).isError).toBeUndefined();
    expect((await run('list_servers')).data).toMatchObject([{ id: 'shop', label: '' }]);
    const foreign = { server_id: 'shop', new_config: { id: 'other' } };
    expect(await run('update_mcp_server_config', foreign)).toMatchObject({ isError: true });

    expect((await run('delete_mcp_server', { server_id: 'shop' })).text).toBe("Server 'shop' unmounted successfully.");
    expect((await run('delete_mcp_server', { server_id: 'shop' })).isError).toBe(true);
    expect(await toolNames(composer.url)).not.toContain('shop_get_order');
  });

  it('refuse arguments that do not fit, and say which', async () => {
    for (const [name, args, path] of [
      ['register_mcp_server', {}, 'config'],
      ['register_mcp_server', { config: 'x' }, 'config'],
      ['delete_mcp_server', { server_id: 7 }, 'server_id'],
      ['member_health', { verbose: true }, 'verbose'],
    ] as const) {
      const result = await callTool(composer.url, name, args);
      expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining(path) }] });
    }
    const { json } = await modern(composer.url, 'tools/call', { name: 'member_health', arguments: 'x' });
    expect(json.result?.isError === true || json.error?.code === -32602).toBe(true);
  });

  it('are hidden and unknown when they are off', async () => {
    const quiet = await startComposer({ env: { COMPOSER_TOOLS: 'off' } });
    try {
      expect(await toolNames(quiet.url)).toEqual([]);
      const { json } = await modern(quiet.url, 'tools/call', { name: 'list_servers', arguments: {} });
      expect(json).toMatchObject({ error: { code: -32602 } });
    } finally {
      await quiet.stop();
    }
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Headers that could carry a credential and should not. */
function strayCredentials(request: RecordedRequest, expected: string): string[] {
  const carriers = ['authorization', 'cookie', 'x-api-key', 'x-service-key', 'x-secret', 'proxy-authorization'];
  return carriers.filter((name) => name !== expected && sent(request, name).length > 0);
}
