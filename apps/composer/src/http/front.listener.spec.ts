import {
  type OutgoingHttpHeaders,
  type RequestOptions,
  type Server,
  type ServerResponse,
  createServer,
  request,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AccessConfig, Challenges, McpGate, RequestOrigin } from '#access';
import { eventOf, openMemoryIdentity } from '#access/testing';
import type { MemberPool } from '#builder';
import type { McpCaller, McpEndpoint } from '#gateway';
import { ComposerError } from '#kernel';
import { Log, SecretValues } from '#observability';
import { DEFAULT_TENANT } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FrontListener } from './front.listener.js';

describe('FrontListener', () => {
  let server: Server;
  let loads: number;
  let isLoaded: boolean;
  let fault: Error | undefined;
  let lines: string[];

  beforeEach(() => {
    loads = 0;
    isLoaded = true;
    fault = undefined;
    lines = [];
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function open(mode: AccessConfig['mode'] = 'none'): Promise<void> {
    const config = { mode, hosts: ['127.0.0.1'], origins: ['http://127.0.0.1:9000'], proxies: [] };
    const pool = {
      isLoaded: (tenant: string) => isLoaded && tenant === DEFAULT_TENANT,
      load: async () => {
        loads++;
        if (fault) throw fault;
      },
    };
    const endpoint = {
      handle: (_: unknown, response: ServerResponse, { principal: { id, tenantId }, slug, isElsewhere }: McpCaller) =>
        response.end(
          isElsewhere
            ? 'elsewhere'
            : `mcp${slug ? `/${slug}` : ''} for ${id} of ${tenantId === DEFAULT_TENANT ? 'default' : tenantId}`,
        ),
    };
    const { identity, directory, stores } = await openMemoryIdentity({ mode });
    const draft = { id: DEFAULT_TENANT, slug: 'default', name: 'Default' };
    if (!(await stores.tenants.find(DEFAULT_TENANT))) await stores.tenants.insert(draft, eventOf('tenant.created'));
    const listen = { host: '', port: 0, publicUrl: 'https://gw.example', isLoopback: false, aliases: [] };
    const front = new FrontListener(
      new RequestOrigin(config),
      new McpGate(identity, directory, new Challenges(listen)),
      pool as unknown as MemberPool,
      endpoint as unknown as McpEndpoint,
      Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line)),
    );
    server = createServer((incoming, response) => front.handle(incoming, response, (_, nest) => void nest.end('nest')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  function ask(
    options: RequestOptions & { url?: string } = {},
  ): Promise<{ status: number; text: string; headers: object }> {
    const { url = '/mcp', ...more } = options;
    const { port } = server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: url, method: 'POST', agent: false, ...more }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode!, text, headers: response.headers }));
      })
        .on('error', reject)
        .end();
    });
  }

  it.each(['/mcp', '/mcp?x=1', '/mcp?'])('takes %s to the gateway, with the principal', async (url) => {
    await open();
    expect((await ask({ url })).text).toBe('mcp for local of default');
  });

  it.each(['/mcp/desk', '/mcp/desk?x=1'])('takes %s to the gateway, with the slug', async (url) => {
    await open();
    expect((await ask({ url })).text).toBe('mcp/desk for local of default');
  });

  it.each([
    '/',
    '/mcp/',
    '/mcp/a/',
    '/mcp/%61',
    '/mcp/a/b',
    '/mcp/.',
    '/mcp/-a',
    `/mcp/${'a'.repeat(65)}`,
    '/mcp2',
    '/MCP',
    '//mcp',
    '/api/v1/servers',
    '/x?/mcp',
    '/%6dcp',
    '/mcp/../mcp',
  ])('leaves %s to Nest', async (url) => {
    await open('required');
    expect((await ask({ url })).text).toBe('nest');
  });

  it.each([
    ['a foreign Host', { host: 'evil.example' }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['a page without an origin', { origin: 'null' }],
    ['two origins', { origin: 'http://127.0.0.1:9000, http://evil.example' }],
  ])('refuses %s before anything else looks at the request', async (_, headers: OutgoingHttpHeaders) => {
    await open();
    const mcp = await ask({ headers });
    expect(mcp.status).toBe(403);
    expect(JSON.parse(mcp.text)).toMatchObject({
      jsonrpc: '2.0',
      error: { code: -32000, data: { code: 'COMPOSER_FOREIGN_ORIGIN' } },
    });
    const other = await ask({ headers, url: '/health/live', method: 'GET' });
    expect(other.status).toBe(403);
    expect(other.headers).toMatchObject({ 'content-type': 'application/problem+json', connection: 'close' });
    expect(JSON.parse(other.text)).toEqual({
      type: 'about:blank',
      title: 'Forbidden',
      status: 403,
      detail: expect.stringContaining('ALLOWED_HOSTS'),
      code: 'COMPOSER_FOREIGN_ORIGIN',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('asks for a credential before the gateway sees the request, and loads nothing for a stranger', async () => {
    await open('required');
    isLoaded = false;
    const { status, text, headers } = await ask({ headers: { authorization: 'Bearer mcpc_guess' } });
    expect(status).toBe(401);
    expect(headers).toMatchObject({
      'www-authenticate':
        'Bearer error="invalid_token", error_description="the credential is not valid here, or no longer", ' +
        'resource_metadata="https://gw.example/.well-known/oauth-protected-resource/mcp", scope="mcp"',
    });
    expect(JSON.parse(text)).toMatchObject({ error: { data: { code: 'COMPOSER_UNAUTHENTICATED' } } });
    expect(loads).toBe(0);
  });

  it('says where a credential is to be had, and nothing is wrong with one that was not sent', async () => {
    await open('required');
    for (const url of ['/mcp', '/t/acme/mcp?access_token=mcpc_guess', '/t/nobody/mcp/crm']) {
      const { status, headers } = await ask({ url });
      expect(status).toBe(401);
      const metadata = `https://gw.example/.well-known/oauth-protected-resource${url.split('?')[0]}`;
      expect(headers).toMatchObject({ 'www-authenticate': `Bearer resource_metadata="${metadata}", scope="mcp"` });
    }
  });

  it('calls two credentials, and one that cannot be read, a bad request', async () => {
    await open('required');
    for (const sent of [
      { authorization: 'Bearer' },
      { authorization: 'Bearer a b' },
      { authorization: 'Bearer mcpc_a', 'x-api-key': 'mcpc_b' },
    ]) {
      const { status, headers } = await ask({ headers: sent });
      expect(status).toBe(400);
      expect(headers).toMatchObject({ 'www-authenticate': expect.stringContaining('error="invalid_request"') });
    }
  });

  it('finds the tenant of the path or not by the credential, and the same nothing everywhere else', async () => {
    await open();
    expect((await ask({ url: '/t/default/mcp' })).text).toBe('mcp for local of default');
    const nothing = await Promise.all(['/t/acme/mcp', '/t/nobody/mcp', '/t/acme/mcp/crm'].map((url) => ask({ url })));
    expect(nothing.map(({ text }) => text)).toEqual(nothing.map(() => 'elsewhere'));
  });

  it('lets web pages of any origin read public metadata, and nothing else', async () => {
    await open('required');
    const headers = { origin: 'https://page.example' };
    const document = '/.well-known/oauth-protected-resource/t/acme/mcp';
    expect((await ask({ url: document, method: 'GET', headers })).text).toBe('nest');
    expect((await ask({ url: document, method: 'OPTIONS', headers })).text).toBe('nest');
    for (const url of [
      `${document}/../../api`,
      `${document}%2f`,
      `${document}.`,
      '/.well-known/other',
      '/health/live',
    ]) {
      expect([url, (await ask({ url, method: 'GET', headers })).status]).toEqual([url, 403]);
    }
    expect((await ask({ url: document, headers })).status).toBe(403);
    const rebound = { ...headers, host: 'evil.example' };
    expect((await ask({ url: document, method: 'GET', headers: rebound })).status).toBe(403);
  });

  it('loads the members of a tenant before its first request, and then no more', async () => {
    await open();
    isLoaded = false;
    expect((await ask()).text).toMatch(/^mcp/);
    isLoaded = true;
    await ask();
    expect(loads).toBe(1);
  });

  it.each([
    [
      'with its own code',
      new ComposerError('COMPOSER_DATABASE_AWAY', 'the database is away', { status: 503 }),
      'COMPOSER_DATABASE_AWAY',
    ],
    ['without its inside', new Error('connect postgres://app:hunter2@db'), 'COMPOSER_NOT_LOADED'],
  ])('tells a tenant that could not be loaded %s, and logs it', async (_, error, code) => {
    await open();
    isLoaded = false;
    fault = error;
    const { status, text } = await ask();
    expect(status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({ error: { data: { code } } });
    expect(text).not.toContain('hunter2');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', tenant: DEFAULT_TENANT });
  });
});
