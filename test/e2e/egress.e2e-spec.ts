import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callTool } from '../fixtures/mcp-clients.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type Sentinel, startSentinel } from '../fixtures/sentinel.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

/** Ways to write the one address that nothing may reach. */
const SPELLINGS: readonly [string, (port: number) => string][] = [
  ['an address', (port) => `http://127.0.0.1:${port}/`],
  ['https', (port) => `https://127.0.0.1:${port}/`],
  ['an IPv4 address within IPv6', (port) => `http://[::ffff:127.0.0.1]:${port}/`],
  ['the same in hex', (port) => `http://[::ffff:7f00:1]:${port}/`],
  ['a number', (port) => `http://2130706433:${port}/`],
  ['hex', (port) => `http://0x7f000001:${port}/`],
  ['octal', (port) => `http://0177.0.0.1:${port}/`],
  ['short', (port) => `http://127.1:${port}/`],
  ['full-width digits', (port) => `http://１２７.０.０.１:${port}/`],
  ['any address', (port) => `http://0.0.0.0:${port}/`],
  ['a name', (port) => `http://localhost:${port}/`],
  ['a name over https', (port) => `https://localhost:${port}/`],
  ['a name with a dot at its end', (port) => `http://localhost.:${port}/`],
  ['a name below localhost', (port) => `https://anything.localhost:${port}/`],
  ['IPv6', (port) => `http://[::1]:${port}/`],
];

/** Where an address can stand in a configuration; the endpoint is refused as well, so that no name server is asked. */
const PLACES: readonly [string, (url: string) => Record<string, unknown>][] = [
  ['endpoint', (endpoint) => ({ type: 'http', endpoint })],
  ['open_api.endpoint', (endpoint) => ({ ...pingMember('bad', endpoint) })],
  ['open_api.spec_url', (url) => ({ type: 'openapi', open_api: { endpoint: url, spec_url: url } })],
  ['auth.token_url', (url) => withAuth('dynamic_bearer', url, { token_url: url, apikey: 'x' })],
  ['auth.login_url', (url) => withAuth('jsessionid', url, { login_url: url, username: 'a', password: 'b' })],
];

const withAuth = (auth_strategy: string, endpoint: string, auth: object) => ({
  type: 'http',
  endpoint,
  auth_strategy,
  auth,
});

const DENIED = {
  type: 'about:blank',
  title: 'Unprocessable Content',
  status: 422,
  detail: 'this address may not be called from here; ask the operator to add it to EGRESS_ALLOW',
  code: 'COMPOSER_EGRESS_DENIED',
};

describe('with nothing allowed', () => {
  let composer: ComposerProcess;
  let sentinels: readonly Sentinel[];

  beforeAll(async () => {
    composer = await startComposer({ env: { EGRESS_ALLOW: '' } });
    sentinels = await Promise.all([startSentinel(), startSentinel('::1').catch(() => startSentinel())]);
  }, 60_000);
  afterAll(() => Promise.all([composer.stop(), ...sentinels.map((sentinel) => sentinel.close())]));

  describe.each(PLACES)('%s', (path, configOf) => {
    it.each(SPELLINGS)(
      'refuses %s, by REST and by the management tool, with one and the same error',
      async (_way, urlOf) => {
        for (const { port } of sentinels) {
          const config = { id: 'bad', ...configOf(urlOf(port)) };
          const { status, body } = await composer.api('POST', '/api/v1/servers', config);
          const { requestId, faults, ...problem } = body;
          expect({ status, problem }).toEqual({ status: 422, problem: DENIED });
          expect(requestId).toEqual(expect.any(String));
          expect(faults).toContainEqual({ path, message: 'may not be called from here' });
          const tool = await callTool(composer.url, 'register_mcp_server', { config });
          expect(tool).toMatchObject({ isError: true, content: [{ text: `${DENIED.detail} (${DENIED.code})` }] });
        }
      },
    );
  });

  it('refuses the same in an update, and every offending address is named', async () => {
    const { port } = sentinels[0]!;
    const far = pingMember('far', 'https://service.example');
    expect((await composer.api('POST', '/api/v1/servers', far)).status).toBe(201);
    const patch = { open_api: { endpoint: `http://127.1:${port}`, spec_url: `http://localhost:${port}` } };
    const { status, body } = await composer.api('PATCH', '/api/v1/servers/far', patch);
    expect({ status, code: body.code }).toEqual({ status: 422, code: DENIED.code });
    expect(body.faults.map((fault: { path: string }) => fault.path).sort()).toEqual([
      'open_api.endpoint',
      'open_api.spec_url',
    ]);
    const update = { server_id: 'far', new_config: patch };
    expect((await callTool(composer.url, 'update_mcp_server_config', update)).content[0].text).toContain(DENIED.code);
    expect((await composer.api('GET', '/api/v1/servers/far')).body.open_api.endpoint).toBe('https://service.example');
  });

  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'gopher://127.0.0.1:6379/_x',
    'unix:/run/x.sock',
    'http:\\\\127.0.0.1',
  ])('refuses %s', async (endpoint) => {
    const { status } = await composer.api('POST', '/api/v1/servers', { id: 'bad', type: 'http', endpoint });
    expect(status).toBe(422);
  });

  it('has opened no connection in all of this', () => {
    expect(sentinels.map((sentinel) => sentinel.connections())).toEqual([0, 0]);
  });
});

describe('with one host and port allowed', () => {
  let composer: ComposerProcess;
  let hop: RestService;
  let sentinel: Sentinel;
  let target = '';

  beforeAll(async () => {
    sentinel = await startSentinel();
    hop = await startRestService({
      answer: ({ url }) => (url.startsWith('/to') ? { status: 302, headers: { location: target } } : undefined),
    });
    composer = await startComposer({ env: { EGRESS_ALLOW: `127.0.0.1:${new URL(hop.url).port}` } });
  }, 60_000);
  afterAll(() => Promise.all([composer.stop(), hop.stop(), sentinel.close()]));

  it('reaches it', async () => {
    expect((await composer.api('POST', '/api/v1/servers', hop.member('shop'))).status).toBe(201);
    expect(await callTool(composer.url, 'shop_get_order', { orderId: '7' })).toMatchObject({
      structuredContent: { id: '7' },
    });
  });

  // A header carries ASCII.
  it.each(SPELLINGS.filter(([way]) => way !== 'full-width digits'))(
    'does not follow a redirect of its specification to %s',
    async (_way, urlOf) => {
      target = urlOf(sentinel.port);
      const config = { id: 'bad', type: 'openapi', open_api: { endpoint: hop.url, spec_url: `${hop.url}/to` } };
      const { body } = await composer.api('POST', '/api/v1/servers', config);
      const { requestId: _id, faults: _faults, ...problem } = body;
      expect(problem).toEqual(DENIED);
      const tool = await callTool(composer.url, 'register_mcp_server', { config });
      expect(tool).toMatchObject({ isError: true, content: [{ text: `${DENIED.detail} (${DENIED.code})` }] });
      expect(sentinel.connections()).toBe(0);
    },
  );

  it('does not follow a redirect of a call or of an MCP member either', async () => {
    target = `http://127.0.0.1:${sentinel.port}/`;
    const spec = {
      openapi: '3.1.0',
      info: { title: 't', version: '1' },
      paths: { '/to': { get: { operationId: 'go' } } },
    };
    await composer.api('POST', '/api/v1/servers', { id: 'r', type: 'openapi', open_api: { endpoint: hop.url, spec } });
    expect(await callTool(composer.url, 'r_go')).toMatchObject({ isError: true });
    const mcp = await composer.api('POST', '/api/v1/servers', { id: 'm', type: 'http', endpoint: `${hop.url}/to` });
    expect(mcp.body._meta.problem).toMatch(/302/);
    expect(sentinel.connections()).toBe(0);
  });
});
