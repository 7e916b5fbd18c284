import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type OriginServer, originServer, selfSigned } from '#egress/testing';
import { ClientCredentialsProvider, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Page } from 'playwright-core';
import { type OpenBrowser, findChromium, openBrowser } from '../fixtures/chromium.js';
import { type IdentityProvider, startIdentityProvider } from '../fixtures/identity-provider.js';
import { OauthApp, type OauthAppOptions } from '../fixtures/oauth-app.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

const executable = findChromium();
const withBrowser = executable === undefined ? describe.skip : describe;
const HOSTILE = '<script>document.title="taken over"</script>"><img src=x onerror=alert(1)>';

let composer: ComposerProcess;
let idp: IdentityProvider;
let rest: RestService;
let documents: OriginServer;
let published: Record<string, unknown>;
let dataDir: string;
let url: string;
let mcp: string;
let robot: { client_id: string; client_secret: string };
let registered: { client_id: string; client_secret: string };
let registeredPort: number;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'composer-oauth-'));
  const [port = 0, appPort = 0] = await freePorts(2);
  registeredPort = appPort;
  url = `http://127.0.0.1:${port}`;
  mcp = `${url}/mcp`;
  const certificate = selfSigned();
  const ca = join(dataDir, 'ca.pem');
  [rest, idp, documents] = await Promise.all([
    startRestService({ answer: ({ url: asked }) => (asked === '/ping' ? { body: { pong: true } } : undefined) }),
    startIdentityProvider(`${url}/auth/callback`),
    originServer((_, response) => void response.end(JSON.stringify(published)), {
      tls: certificate,
      host: 'localhost',
    }),
  ]);
  writeFileSync(ca, certificate.cert);

  // Before anybody needs a credential, the administrator of the default tenant sets it up.
  const data = join(dataDir, 'data');
  const open = await startComposer({ env: { PORT: String(port) }, dataDir: data });
  expect(await open.api('POST', '/api/v1/servers', pingMember('crm', rest.url))).toMatchObject({ status: 201 });
  const account = await open.api('POST', '/api/v1/principals', { name: 'robot', roles: ['caller'] });
  expect(account.status).toBe(201);
  const service = await open.api('POST', '/api/v1/oauth-clients', { name: 'Robot', principal_id: account.body.id });
  expect(service).toMatchObject({ status: 201, body: { client_secret: expect.any(String) } });
  robot = service.body;
  const redirect_uris = [`http://127.0.0.1:${registeredPort}/callback`];
  const app = await open.api('POST', '/api/v1/oauth-clients', { name: 'Registered App', redirect_uris });
  registered = app.body;
  const listed = await open.api('GET', '/api/v1/oauth-clients');
  expect(listed.body.items).toHaveLength(2);
  expect(JSON.stringify(listed.body)).not.toMatch(/secret"/);
  await open.stop();

  composer = await startComposer({
    dataDir: data,
    env: {
      PORT: String(port),
      COMPOSER_AUTH: 'required',
      LOG_LEVEL: 'debug',
      NODE_EXTRA_CA_CERTS: ca,
      ENABLE_OAUTH: 'True',
      OAUTH_CLIENT_ID: idp.client.client_id,
      OAUTH_CLIENT_SECRET: idp.client.client_secret,
      OAUTH_CONFIG_URL: `${idp.issuer}/.well-known/openid-configuration`,
    },
  });
}, 180_000);
afterAll(async () => {
  await Promise.all([composer?.stop(), idp?.stop(), rest?.stop(), documents?.close()]);
  rmSync(dataDir, { recursive: true, force: true });
});

const status = (token: string): Promise<number> =>
  fetch(mcp, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  }).then((answer) => answer.status);
const refresh = async (app: OauthApp, token: string) => {
  const answer = await fetch(`${url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: app.client!.client_id, refresh_token: token }),
  });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
};

describe('a program of its own', () => {
  it('signs in with client credentials, from nothing but the address, and calls', async () => {
    const authProvider = new ClientCredentialsProvider({
      clientId: robot.client_id,
      clientSecret: robot.client_secret,
      expectedIssuer: url,
    });
    const client = new Client({ name: 'robot', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(mcp), { authProvider }));
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['crm_ping']);
    expect(await client.callTool({ name: 'crm_ping', arguments: {} })).not.toMatchObject({ isError: true });
    await client.close();
  });

  it('leaves nothing on stdout but the line that it is ready', () => {
    expect(composer.stdout()).toMatch(/^MCP Composer ready on \S+\n$/);
  });
});

withBrowser('a person in a browser', () => {
  let browser: OpenBrowser;
  let page: Page;
  const apps: OauthApp[] = [];

  const openApp = async (options: OauthAppOptions = {}, port = 0): Promise<OauthApp> => {
    const app = await OauthApp.open(options, port);
    apps.push(app);
    return app;
  };
  const decide = (decision: 'allow' | 'refuse') => page.click(`button[value=${decision}]`);
  const atApp = (app: OauthApp) => page.waitForURL((at) => at.href.startsWith(app.redirectUrl), { timeout: 30_000 });

  async function signIn(app: OauthApp): Promise<URLSearchParams> {
    const { transport, url: authorization } = await app.begin(mcp);
    await page.goto(authorization.href);
    await decide('allow');
    await atApp(app);
    const answer = app.answers.at(-1)!;
    await transport.finishAuth(answer);
    return answer;
  }

  beforeAll(async () => {
    browser = await openBrowser(executable!);
  }, 60_000);
  afterAll(() => browser?.close());
  beforeEach(async () => void (page = await browser.context.newPage()));
  afterEach(async () => {
    await page.close();
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  it('lets in an application that knows nothing but the address; it lists, calls, and renews its token', async () => {
    const app = await openApp();
    const answer = await signIn(app);
    expect(answer.get('iss')).toBe(url);
    const client = await app.connect(mcp);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['crm_ping']);
    expect(await client.callTool({ name: 'crm_ping', arguments: {} })).not.toMatchObject({ isError: true });
    await client.close();
    expect(rest.calls().filter(({ rawHeaders }) => rawHeaders.join().includes(app.stored!.access_token))).toEqual([]);

    const first = app.stored!;
    app.stored = { ...first, access_token: 'of-no-use' };
    const renewed = await app.connect(mcp);
    expect((await renewed.listTools()).tools).toHaveLength(1);
    await renewed.close();
    expect(app.stored.refresh_token).not.toBe(first.refresh_token);
  });

  it('lets in an application that an administrator has registered', async () => {
    const app = await openApp(
      { known: { ...registered, issuer: url } as OauthAppOptions['known'] & object },
      registeredPort,
    );
    const { transport, url: authorization } = await app.begin(mcp);
    await page.goto(authorization.href);
    expect(await page.textContent('main')).toContain('An administrator has registered this application');
    await decide('allow');
    await atApp(app);
    await transport.finishAuth(app.answers.at(-1)!);
    const client = await app.connect(mcp);
    expect((await client.listTools()).tools).toHaveLength(1);
    await client.close();
  });

  it('lets in an application that is known by its document', async () => {
    const document = `https://localhost:${documents.port}/client.json`;
    const app = await openApp({ document });
    published = { ...app.clientMetadata, client_id: document };
    const { transport, url: authorization } = await app.begin(mcp);
    expect(authorization.searchParams.get('client_id')).toBe(document);
    await page.goto(authorization.href);
    expect(await page.textContent('main')).toContain(`It is published by localhost:${documents.port}`);
    await decide('allow');
    await atApp(app);
    await transport.finishAuth(app.answers.at(-1)!);
    expect(await status(app.stored!.access_token)).not.toBe(401);
  });

  it('may refuse, and the application learns it', async () => {
    const app = await openApp();
    const { url: authorization } = await app.begin(mcp);
    await page.goto(authorization.href);
    await decide('refuse');
    await atApp(app);
    expect(Object.fromEntries(app.answers.at(-1)!)).toMatchObject({ error: 'access_denied', iss: url });
  });

  it('is told who asks, on a page that runs and loads nothing of it', async () => {
    const app = await openApp({ name: HOSTILE });
    const { url: authorization } = await app.begin(mcp);
    const answer = await page.goto(authorization.href);
    const headers = answer!.headers();
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
    expect(await page.title()).toContain('<script>');
    expect(await page.locator('script, img, iframe').count()).toBe(0);
    const text = await page.textContent('main');
    for (const told of [HOSTILE, 'unverified', new URL(app.redirectUrl).host, 'Default', new URL(idp.issuer).host]) {
      expect(text).toContain(told);
    }
  });

  it('whose refresh token comes back a second time ends everything of that application at once', async () => {
    const app = await openApp();
    await signIn(app);
    const { access_token, refresh_token } = app.stored!;
    const second = await refresh(app, refresh_token!);
    expect(second.status).toBe(200);
    expect(await status(second.body.access_token)).not.toBe(401);
    expect(await refresh(app, refresh_token!)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await status(access_token)).toBe(401);
    expect(await status(second.body.access_token)).toBe(401);
    expect((await refresh(app, second.body.refresh_token)).status).toBe(400);
  });

  it('is asked anew for a second application, which gets no code before', async () => {
    await signIn(await openApp());
    const mallory = await openApp({ name: 'Notebook' });
    const { url: authorization } = await mallory.begin(mcp);
    await page.goto(authorization.href);
    expect(await page.locator('button[value=allow]').count()).toBe(1);
    await page.goto(`${authorization.href}&prompt=none`);
    await atApp(mallory);
    expect(mallory.answers.filter((answer) => answer.has('code'))).toEqual([]);
  });

  it('loses nothing to another browser that was handed an address', async () => {
    const app = await openApp();
    const { url: authorization } = await app.begin(mcp);
    await page.goto(authorization.href);
    const addresses = [page.url()];
    page.on('request', (request) => {
      if (/\/auth\/callback\?|\/authorize\/|\/auth\/consent\//.test(request.url())) addresses.push(request.url());
    });
    const other = await openBrowser(executable!);
    try {
      const stranger = await other.context.newPage();
      const consent = await stranger.goto(addresses[0]!);
      expect(consent!.status()).toBe(400);
      await decide('allow');
      await atApp(app);
      expect(addresses.some((address) => address.includes('/auth/callback?'))).toBe(true);
      for (const address of addresses) expect((await stranger.goto(address))!.status()).toBe(400);
      expect(app.answers.filter((answer) => answer.has('code'))).toHaveLength(1);
      const callback = addresses.find((address) => address.includes('/auth/callback?'))!;
      expect((await page.goto(callback))!.status()).toBe(400);
    } finally {
      await other.close();
    }
  });

  it('has a session for the API, until it ends', async () => {
    await page.goto(`${url}/auth/login?return_to=/docs`);
    await page.waitForURL(`${url}/docs`);
    const ask = () => page.evaluate(() => fetch('/api/v1/servers').then((answer) => answer.status));
    expect(await ask()).toBe(403); // a caller manages nothing
    await page.goto(`${url}/auth/logout`);
    await page.goto(`${url}/docs`);
    expect(await ask()).toBe(401);
  });
});
