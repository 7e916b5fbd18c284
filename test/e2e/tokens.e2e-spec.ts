import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JSON_HEADERS, MODERN, send, sendModern } from '../fixtures/mcp-clients.js';
import { type OidcIssuer, startOidcIssuer } from '../fixtures/oidc-issuer.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

const UNKNOWN = 'COMPOSER_VIRTUAL_SERVER_UNKNOWN';

describe('tokens of issuers that a tenant trusts', () => {
  let idp: OidcIssuer;
  let foreign: OidcIssuer;
  let composer: ComposerProcess;
  let dataDir: string;
  let mcp: string;

  /** Before anybody needs a credential, the administrator of the default tenant lists its issuers. */
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'composer-tokens-'));
    [idp, foreign] = await Promise.all([startOidcIssuer(), startOidcIssuer()]);
    const [port] = await freePorts(1);
    const env = { PORT: String(port) };
    mcp = `http://127.0.0.1:${port}/mcp`;
    const open = await startComposer({ env, dataDir });
    const trusted = { issuer: idp.issuer, default_roles: ['admin'], algorithms: ['ES256'] };
    const put = await open.api('PUT', '/api/v1/issuers/idp', trusted);
    expect(put).toMatchObject({ status: 200, body: { id: 'idp', kind: 'jwt', enabled: true, version: 1 } });
    await open.stop();

    const introspection = {
      ENABLE_OAUTH: 'True',
      OAUTH_CLIENT_ID: foreign.client.client_id,
      OAUTH_CLIENT_SECRET: foreign.client.client_secret,
      OAUTH_CONFIG_URL: `${foreign.issuer}/.well-known/openid-configuration`,
      OAUTH_INTROSPECTION_URL: `${foreign.issuer}/token/introspection`,
    };
    composer = await startComposer({ env: { ...env, COMPOSER_AUTH: 'required', ...introspection }, dataDir });
  }, 120_000);
  afterAll(async () => {
    await Promise.all([composer?.stop(), idp?.stop(), foreign?.stop()]);
    rmSync(dataDir, { recursive: true, force: true });
  });

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const list = (token?: string, path = '/mcp') => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const headers = { ...JSON_HEADERS, 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/list' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } });
    return send(composer.url, { path, headers: { ...headers, ...(token ? bearer(token) : {}) }, body });
  };
  const api = (token: string) => send(composer.url, { method: 'GET', path: '/api/v1/issuers', headers: bearer(token) });

  it('lets a program in with a JWT that it got for this endpoint', async () => {
    const token = await idp.token({ resource: mcp });
    expect(await list(token)).toMatchObject({ status: 200, json: { result: { tools: expect.any(Array) } } });
    expect((await sendModern(composer.url, { id: 1, method: 'tools/list', params: {} }, bearer(token))).status).toBe(
      200,
    );
  });

  it('asks for the scope of management where that is needed', async () => {
    const refused = await api(await idp.token({ resource: mcp }));
    expect(refused).toMatchObject({ status: 403, json: { code: 'COMPOSER_SCOPE_INSUFFICIENT' } });
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer error="insufficient_scope", .*scope="manage"$/);
    const token = await idp.token({ resource: mcp, scope: 'mcp manage' });
    const { status, json } = await api(token);
    expect(status).toBe(200);
    expect(json.items).toMatchObject([{ id: 'environment', client_secret: { set: true } }, { id: 'idp' }]);
  });

  it('takes a token for one endpoint nowhere else', async () => {
    const elsewhere = await idp.token({ resource: `${mcp}/crm`, scope: 'mcp manage' });
    for (const refused of [await list(elsewhere), await api(elsewhere)]) {
      expect(refused.status).toBe(401);
      expect(refused.headers['www-authenticate']).toContain('error="invalid_token"');
    }
    expect((await list(elsewhere, '/mcp/crm')).status).toBe(404); // let in, and nothing is there
    for (const resource of ['https://other.example/mcp', mcp.replace('/mcp', '/t/acme/mcp'), `${mcp}2`]) {
      expect((await list(await idp.token({ resource }))).status).toBe(401);
    }
  });

  it('answers a path of another tenant like one of nobody', async () => {
    const token = await idp.token({ resource: mcp });
    const own = await list(token, '/t/default/mcp');
    expect(own.status).toBe(200);
    const whole = await idp.token({ resource: new URL(mcp).origin });
    const [known, nobody, slug] = await Promise.all(
      ['/t/acme/mcp', '/t/nobody-at-all/mcp', '/mcp/nobody'].map((path) => list(whole, path)),
    );
    expect(known).toMatchObject({ status: 404, json: { error: { data: { code: UNKNOWN } } } });
    for (const answer of [nobody!, slug!]) {
      expect(answer.status).toBe(404);
      expect(answer.text).toBe(known!.text);
    }
  });

  it('asks the issuer of an opaque token, and takes one that was revoked no more', async () => {
    const token = await foreign.token({ client: 'opaque-app', resource: mcp });
    expect((await list(token)).status).toBe(200);
    const revoked = await foreign.token({ client: 'opaque-app', resource: mcp });
    await foreign.revoke(revoked);
    expect((await list(revoked)).status).toBe(401);
    const elsewhere = await foreign.token({ client: 'opaque-app', resource: 'https://other.example/mcp' });
    expect((await list(elsewhere)).status).toBe(401);
    expect((await list('made-up-token')).status).toBe(401);
    // Nobody shows it to issuers of other tenants, or to one that verifies by keys.
    expect(idp.asked).not.toContain('/token/introspection');
  });

  it('takes a token out of no address, form or cookie', async () => {
    const token = await idp.token({ resource: mcp });
    const sent = await list(undefined, `/mcp?access_token=${token}`);
    expect(sent.status).toBe(401);
    const metadata = `${new URL(mcp).origin}/.well-known/oauth-protected-resource/mcp`;
    expect(sent.headers['www-authenticate']).toBe(`Bearer resource_metadata="${metadata}", scope="mcp"`);
    const cookie = await send(composer.url, {
      headers: { ...JSON_HEADERS, cookie: `access_token=${token}` },
      body: '{}',
    });
    expect(cookie.status).toBe(401);
  });

  it('tells clients of every endpoint where to get a token', async () => {
    const { origin } = new URL(mcp);
    for (const path of ['/mcp', '/mcp/crm', '/t/default/mcp', '/t/nobody/mcp/crm']) {
      const document = await composer.api('GET', `/.well-known/oauth-protected-resource${path}`);
      expect(document.status).toBe(200);
      expect(document.headers.get('access-control-allow-origin')).toBe('*');
      const own = path.startsWith('/t/nobody') ? `${origin}/t/nobody` : origin;
      expect(document.body).toEqual({
        resource: origin + path,
        authorization_servers: path.startsWith('/t/nobody') ? [own] : [own, idp.issuer],
        scopes_supported: ['mcp', 'manage'],
        bearer_methods_supported: ['header'],
        resource_name: 'MCP Composer',
      });
    }
    const root = await composer.api('GET', '/.well-known/oauth-protected-resource');
    expect(root.body).toMatchObject({ resource: mcp });
    for (const path of ['/', '/mcp/', '/api/v1/servers', '/%6dcp', '//mcp', '/mcp/a/b', '/t/Acme/mcp', '/mcp%2fcrm']) {
      const none = await composer.api('GET', `/.well-known/oauth-protected-resource${path}`);
      expect([path, none.status]).toEqual([path, 404]);
    }
  });

  it('lets web pages read that, asked before or not', async () => {
    const path = '/.well-known/oauth-protected-resource/mcp';
    const headers = { origin: 'https://page.example', 'access-control-request-method': 'GET' };
    const asked = await send(composer.url, { method: 'OPTIONS', path, headers });
    expect(asked).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': '*' } });
    expect((await send(composer.url, { method: 'GET', path, headers })).status).toBe(200);
    expect((await send(composer.url, { method: 'GET', path: '/api/v1/issuers', headers })).status).toBe(403);
  });

  it('keeps no secret of it in its log, and warns of nothing that is as it should be', () => {
    expect(composer.stderr()).not.toContain(foreign.client.client_secret);
    expect(composer.stderr()).not.toContain('eyJ');
  });
});
