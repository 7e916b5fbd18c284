import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { principalId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { SignJWT, createRemoteJWKSet, decodeProtectedHeader, exportJWK, jwtVerify } from 'jose';
import {
  ACME,
  type OpenAuthorizationServer,
  openAuthorizationServer,
} from '../../testing/open-authorization-server.js';
import type { RegisteredClient } from './clients/registered-client.js';
import { REGISTERED_CLIENT } from './provider-adapter.js';

const SECRET = 'a-secret-that-is-long-enough-to-be-one';
const ROBOT = principalId('robot');

let server: OpenAuthorizationServer;

beforeAll(async () => {
  server = await openAuthorizationServer();
});
afterAll(() => server?.close());

const get = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(server.address + path, { headers, redirect: 'manual' });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: text.startsWith('{') ? JSON.parse(text) : {} };
};

const post = async (path: string, body: Record<string, string>, headers: Record<string, string> = {}) => {
  const answer = await fetch(server.address + path, { method: 'POST', body: new URLSearchParams(body), headers });
  return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) };
};

const register = async (body: unknown, path = '/register') => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(server.address + path, { method: 'POST', body: text, headers });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
};

async function serviceClient(more: object = {}, tenantId = ACME): Promise<string> {
  const client_id = `client-${randomUUID()}`;
  const client: RegisteredClient = {
    client_id,
    name: 'robot',
    principalId: ROBOT,
    createdAt: new Date().toISOString(),
    metadata: {
      client_id,
      client_secret: SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: 'mcp',
      ...more,
    },
  };
  await server.records.write({ tenantId, kind: REGISTERED_CLIENT, name: client_id }, { payload: client });
  if (!(await server.people.find(tenantId, ROBOT))) {
    const draft = { tenantId, id: ROBOT, kind: 'service' as const, name: 'robot', roles: ['caller'] };
    await server.people.insert(draft, { action: 'principal.created', actor: SYSTEM });
  }
  return client_id;
}

const basic = (id: string, secret = SECRET) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});

describe('metadata', () => {
  it.each([
    ['/.well-known/oauth-authorization-server', ''],
    ['/.well-known/openid-configuration', ''],
    ['/.well-known/oauth-authorization-server/t/acme', '/t/acme'],
    ['/.well-known/openid-configuration/t/acme', '/t/acme'],
    ['/t/acme/.well-known/openid-configuration', '/t/acme'],
  ])('at %s is that of the issuer it was asked for', async (path, below) => {
    const { status, body } = await get(path);
    const issuer = server.publicUrl + below;
    expect(status).toBe(200);
    expect(body).toMatchObject({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      jwks_uri: `${issuer}/jwks`,
      revocation_endpoint: `${issuer}/revoke`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
      scopes_supported: ['mcp', 'manage', 'openid'],
      grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token', 'client_credentials']),
      token_endpoint_auth_methods_supported: expect.arrayContaining(['none', 'private_key_jwt']),
    });
    expect(body.grant_types_supported).not.toContain('implicit');
  });

  it('is built from the public URL, whatever a client says about hosts', async () => {
    const honest = (await get('/t/acme/.well-known/openid-configuration')).body;
    const lies = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '8443',
      forwarded: 'host=evil.example;proto=https',
    };
    expect((await get('/t/acme/.well-known/openid-configuration', lies)).body).toEqual(honest);
  });

  it.each([
    '/t/globex/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/t/globex',
    '/t/globex/authorize',
    '/t/default/.well-known/openid-configuration',
    '/t/acme/.well-known/openid-configuration/',
    '/t//acme/jwks',
    '/t/acme//jwks',
    '/t/ACME/jwks',
    '/t/%61cme/jwks',
    '/t/acme/JWKS',
    '/t/acme/jwks/',
    '/JWKS',
  ])('%s is not there', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, text: 'nothing' });
  });

  it('of a suspended tenant is not there either', async () => {
    const { suspendedAt: _, ...acme } = (await server.tenants.find(ACME))!;
    const event = { action: 'tenant.suspended', actor: SYSTEM };
    await server.tenants.replace({ ...acme, version: 2, suspendedAt: new Date() }, event);
    expect(await get('/t/acme/jwks')).toMatchObject({ status: 404, text: 'nothing' });
    await server.tenants.replace({ ...acme, version: 3 }, event);
    expect((await get('/t/acme/jwks')).status).toBe(200);
  });
});

describe('the key set', () => {
  it('is of the tenant alone, and holds nothing private', async () => {
    const own = (await get('/t/acme/jwks')).body;
    const other = (await get('/jwks')).body;
    expect(own.keys).toHaveLength(1);
    expect(own.keys[0]).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' });
    expect(own.keys[0].d).toBeUndefined();
    expect(other.keys[0].kid).not.toBe(own.keys[0].kid);
    expect(await server.keys.published(ACME)).toEqual(own);
  });

  it('is made once, by however many at once', async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, () => server.keys.get(ACME)));
    expect(new Set(keys.map(({ cookies }) => cookies[0])).size).toBe(1);
  });
});

describe('client credentials', () => {
  it('give a token for the tenant’s own endpoint, signed with its key', async () => {
    const id = await serviceClient();
    const { status, headers, body } = await post('/t/acme/token', { grant_type: 'client_credentials' }, basic(id));
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'mcp' });
    expect(body.refresh_token).toBeUndefined();
    expect(decodeProtectedHeader(body.access_token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    const issuer = `${server.publicUrl}/t/acme`;
    const { payload } = await jwtVerify(
      body.access_token,
      createRemoteJWKSet(new URL(`${server.address}/t/acme/jwks`)),
    );
    expect(payload).toMatchObject({
      iss: issuer,
      aud: `${issuer}/mcp`,
      sub: id,
      client_id: id,
      scope: 'mcp',
      tenant: ACME,
    });
    expect(payload.exp! - payload.iat!).toBe(600);
  });

  it('take a resource below the tenant, and no other one', async () => {
    const id = await serviceClient();
    const asking = (resource: string) =>
      post('/t/acme/token', { grant_type: 'client_credentials', resource }, basic(id));
    expect((await asking(`${server.publicUrl}/t/acme/mcp/crm`)).status).toBe(200);
    for (const foreign of ['/mcp', '/t/globex/mcp', '/t/acme/mcp/', '/t/acme/mcp?x', '/t/acme/api', '']) {
      expect(await asking(server.publicUrl + foreign)).toMatchObject({
        status: 400,
        body: { error: 'invalid_target' },
      });
    }
    expect(await asking('https://elsewhere.example/mcp')).toMatchObject({
      status: 400,
      body: { error: 'invalid_target' },
    });
  });

  it('give no scope that the client was not registered for', async () => {
    const id = await serviceClient();
    const { status, body } = await post(
      '/t/acme/token',
      { grant_type: 'client_credentials', scope: 'manage' },
      basic(id),
    );
    expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_scope' });
  });

  it.each([
    ['a wrong secret', (id: string) => basic(id, 'wrong')],
    ['an unknown client', () => basic('nobody')],
  ])('are refused with %s', async (_, credentials) => {
    const id = await serviceClient();
    const answer = await post('/t/acme/token', { grant_type: 'client_credentials' }, credentials(id));
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('of one tenant mean nothing to another one', async () => {
    const id = await serviceClient();
    const answer = await post('/token', { grant_type: 'client_credentials' }, basic(id));
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('are refused when the principal is disabled', async () => {
    const id = await serviceClient();
    await server.changePrincipal(ROBOT, { disabledAt: new Date() });
    const answer = await post('/t/acme/token', { grant_type: 'client_credentials' }, basic(id));
    expect(answer).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    await server.changePrincipal(ROBOT, { disabledAt: undefined as never });
  });

  it('may be a signed assertion, which counts once', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
    const id = await serviceClient({
      token_endpoint_auth_method: 'private_key_jwt',
      client_secret: undefined,
      jwks: { keys: [jwk] },
    });
    const issuer = `${server.publicUrl}/t/acme`;
    const client_assertion = await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey);
    const body = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion,
    };
    const answers = await Promise.all([1, 2, 3].map(() => post('/t/acme/token', body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  });
});

describe('registration', () => {
  const good = { redirect_uris: ['http://127.0.0.1:4711/callback'], client_name: 'Claude' };

  it('keeps what a client may say of itself, and nothing else', async () => {
    const { status, body } = await register({
      ...good,
      client_name: 'Cla\u0000ude\u202e',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'implicit'],
      response_types: ['code', 'token'],
      scope: 'openid mcp offline_access',
      jwks_uri: 'http://169.254.169.254/jwks',
      sector_identifier_uri: 'http://169.254.169.254/',
      logo_uri: 'http://169.254.169.254/logo',
      client_id: 'chosen',
      client_secret: 'chosen',
      principalId: 'admin',
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      redirect_uris: good.redirect_uris,
      client_name: 'Cla ude',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: 'mcp',
      token_endpoint_auth_method: 'none',
    });
    expect(body.client_id).not.toBe('chosen');
    expect(Object.keys(body)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/jwks_uri|sector|logo|secret|principal|registration/)]),
    );
  });

  it.each([
    ['plain http elsewhere', 'http://evil.example/cb'],
    ['a script', 'javascript:alert(1)'],
    ['a scheme of an application', 'com.example.app:/cb'],
    ['a wildcard', 'https://*.example.com/cb'],
    ['a fragment', 'https://example.com/cb#x'],
    ['user information', 'https://a:b@example.com/cb'],
    ['no URL', 'callback'],
  ])('refuses %s as redirect', async (_, uri) => {
    const answer = await register({ redirect_uris: [uri] });
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_redirect_uri' } });
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no redirects', '{}'],
    ['too many redirects', { redirect_uris: Array.from({ length: 11 }, (_, n) => `https://example.com/${n}`) }],
  ])('refuses %s', async (_, body) => {
    expect((await register(body)).status).toBe(400);
  });

  it('refuses a request that is too large', async () => {
    const padded = { ...good, software_id: 'x'.repeat(20_000) };
    const sending = register(padded);
    expect((await sending).status).toBe(413);
  });
});
