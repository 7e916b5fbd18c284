import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RealIssuer, SmallIssuer, startRealIssuer } from '#auth/testing';
import { KINDS, UNAUTHORIZED, startGuardedMember } from '#builder/testing';
import { SignJWT, importPKCS8 } from 'jose';
import { callTool } from '../fixtures/mcp-clients.js';
import { startLegacyMember, startModernMember } from '../fixtures/mcp-members.js';
import { startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const SECRETS = ['client_secret', 'refresh_token', 'private_key', 'subject_token', 'assertion', 'idp_client_secret'];

let composer: ComposerProcess;
let issuer: RealIssuer;
/** Whom the issuer trusts to say who somebody is. */
let provider: SmallIssuer;

beforeAll(async () => {
  [composer, issuer, provider] = await Promise.all([startComposer(), startRealIssuer(), SmallIssuer.start()]);
  const assertion = new SignJWT().setProtectedHeader({ alg: 'ES256', typ: 'oauth-id-jag+jwt' });
  const key = await importPKCS8(issuer.privateKey, 'ES256');
  const access_token = await assertion.setAudience(issuer.issuer).setExpirationTime('1h').sign(key);
  const issued_token_type = 'urn:ietf:params:oauth:token-type:id-jag';
  provider.answers.set('/token', { body: { access_token, issued_token_type, token_type: 'N_A' } });
}, 60_000);
afterAll(() => Promise.all([composer?.stop(), issuer?.stop(), provider?.close()]));

type Auth = Readonly<Record<string, unknown>>;

/** What an administrator enters. */
const GRANTS: readonly [string, () => Auth | Promise<Auth>][] = [
  ['client_credentials, in the form', () => ({ ...confidential('post'), token_url: `${issuer.issuer}/token` })],
  [
    'client_credentials, basic, as the issuer’s metadata wants it',
    () => ({ ...confidential('basic'), issuer_url: issuer.issuer }),
  ],
  [
    'client_credentials, signed',
    () => ({ client_id: issuer.signedClient, private_key: issuer.privateKey, issuer_url: issuer.issuer }),
  ],
  [
    'refresh_token, in the original’s spelling',
    async () => ({
      clientId: 'post',
      clientSecret: issuer.secret,
      refreshToken: await issuer.refreshToken('post'),
      token_url: `${issuer.issuer}/token`,
    }),
  ],
  [
    'refresh_token of a client without a secret',
    async () => ({
      client_id: 'public',
      refresh_token: await issuer.refreshToken('public'),
      issuer_url: issuer.issuer,
    }),
  ],
  [
    'token-exchange',
    () => ({
      grant_type: 'token-exchange',
      ...confidential('post'),
      token_url: `${issuer.issuer}/token`,
      subject_token: 'the.token.of-somebody',
      subject_token_type: 'jwt',
    }),
  ],
  [
    'jwt-bearer',
    () => ({
      grant_type: 'jwt-bearer',
      client_id: 'public',
      issuer_url: issuer.issuer,
      private_key: issuer.privateKey,
      assertion_subject: 'ada',
    }),
  ],
  [
    'jwt-bearer, by an identity provider',
    () => ({
      grant_type: 'jwt-bearer',
      ...confidential('post'),
      token_url: `${issuer.issuer}/token`,
      issuer: issuer.issuer,
      idp_issuer_url: provider.url,
      idp_client_id: 'composer',
      idp_client_secret: 'the-secret-at-the-provider',
      subject_token: 'the.id.token-of-somebody',
    }),
  ],
];

function confidential(client_id: string): Auth {
  return { client_id, client_secret: issuer.secret };
}

describe.each(GRANTS)('a member with oauth2, %s', (_name, settings) => {
  it('is called with tokens of the issuer, and with a new one when they end; nobody is shown a secret', async () => {
    const auth = await settings();
    const service = await startRestService({ check: ({ headers }) => issuer.takes(headers.authorization) });
    try {
      const config = service.member('shop', { auth_strategy: 'oauth2', auth });
      expect(await composer.api('POST', '/api/v1/servers', config)).toMatchObject({ status: 201 });
      const order = () => callTool(composer.url, 'shop_get_order', { orderId: '7' });
      expect(await order()).toMatchObject({ structuredContent: { id: '7' } });
      const before = issuer.requests.length;
      expect(await order()).toMatchObject({ structuredContent: { id: '7' } });
      expect(issuer.requests).toHaveLength(before);

      issuer.expireAll();
      expect(await order()).toMatchObject({ structuredContent: { id: '7' } });
      expect(issuer.requests).toHaveLength(before + 1);

      const shown = JSON.stringify((await composer.api('GET', '/api/v1/servers/shop')).body);
      for (const [key, value] of Object.entries(auth)) {
        const isSecret = SECRETS.includes(key) || key === 'clientSecret' || key === 'refreshToken';
        if (isSecret) expect(shown).not.toContain(JSON.stringify(value).slice(1, -1));
      }
    } finally {
      await composer.api('DELETE', '/api/v1/servers/shop');
      await service.stop();
    }
  });

  it.each([
    ['legacy', startLegacyMember],
    ['modern', startModernMember],
  ] as const)('carries it to an MCP member of the %s era, with every request', async (_era, start) => {
    const member = await start({ admits: ({ authorization }) => issuer.takes(authorization) });
    try {
      const auth = await settings();
      const config = { id: 'mcp', type: 'http', endpoint: member.url, auth_strategy: 'oauth2', auth };
      const { status, body } = await composer.api('POST', '/api/v1/servers', config);
      expect({ status, problem: body._meta?.problem }).toEqual({ status: 201 });
      const echo = async () => (await callTool(composer.url, 'mcp_echo', { message: 'in' })).content[0].text;
      expect(await echo()).toMatch(/: in$/);
      issuer.expireAll();
      expect(await echo()).toMatch(/: in$/);
    } finally {
      await composer.api('DELETE', '/api/v1/servers/mcp');
      await member.close();
    }
  });
});

describe.each(KINDS)('a member of type %s', (kind) => {
  it.each(GRANTS)('gets tokens of its issuer with every request, %s', async (_name, settings) => {
    const member = await startGuardedMember(kind);
    member.guard = ({ headers }) => (issuer.takes(headers.authorization) ? undefined : UNAUTHORIZED);
    try {
      const config = member.config('guarded', { auth_strategy: 'oauth2', auth: await settings() });
      expect(await composer.api('POST', '/api/v1/servers', config)).toMatchObject({ status: 201 });
      const greet = async () => {
        const tool = `guarded_${member.tool('guarded')}`;
        return (await callTool(composer.url, tool, member.argumentsFor('Ada'))).content[0].text;
      };
      expect(await greet()).toContain('Hello, Ada!');
      issuer.expireAll();
      expect(await greet()).toContain('Hello, Ada!');
      expect(member.calls()).toHaveLength(3);
    } finally {
      await composer.api('DELETE', '/api/v1/servers/guarded');
      await member.close();
    }
  });

  it('has a token for a single tool, in place of its own credential', async () => {
    const member = await startGuardedMember(kind);
    try {
      const tool_auth = { [member.tool('guarded')]: { auth_strategy: 'oauth2', auth: await GRANTS[0]![1]() } };
      const own = { auth_strategy: 'bearer', auth: { token: 'member-token' }, tool_auth };
      expect(await composer.api('POST', '/api/v1/servers', member.config('guarded', own))).toMatchObject({
        status: 201,
      });
      await callTool(composer.url, `guarded_${member.tool('guarded')}`, member.argumentsFor('Ada'));
      const isCall = (request: (typeof member.requests)[number]) => member.calls().includes(request);
      for (const request of member.requests) {
        const { authorization } = request.headers;
        const isOwn = authorization === 'Bearer member-token';
        // A session is opened with the credential that is used in it.
        expect(isOwn ? !isCall(request) : issuer.takes(authorization)).toBe(true);
        if (request.body.includes('"tools/list"')) expect(isOwn).toBe(true);
      }
    } finally {
      await composer.api('DELETE', '/api/v1/servers/guarded');
      await member.close();
    }
  });
});

describe('a grant that the issuer does not take', () => {
  it('is told as such, and no other credential is sent', async () => {
    const service = await startRestService({ check: ({ headers }) => issuer.takes(headers.authorization) });
    try {
      const auth = { ...confidential('post'), token_url: `${issuer.issuer}/token`, refresh_token: 'long-gone-token' };
      await composer.api('POST', '/api/v1/servers', service.member('shop', { auth_strategy: 'oauth2', auth }));
      service.forget();
      const result = await callTool(composer.url, 'shop_get_order', { orderId: '7' });
      expect(result).toMatchObject({ isError: true });
      expect(result.content[0].text).toMatch(/COMPOSER_GRANT_REFUSED/);
      expect(service.calls()).toEqual([]);
    } finally {
      await composer.api('DELETE', '/api/v1/servers/shop');
      await service.stop();
    }
  });

  it('sends what is exchanged in full, under the names of RFC 8693', async () => {
    const sent = issuer.requests.filter(({ form }) => form.get('grant_type') === TOKEN_EXCHANGE);
    expect(sent.length).toBeGreaterThan(0);
    for (const { form } of sent) {
      expect(Object.fromEntries(form)).toEqual({
        grant_type: TOKEN_EXCHANGE,
        client_id: 'post',
        client_secret: issuer.secret,
        subject_token: 'the.token.of-somebody',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      });
    }
  });
});

describe('a member that needs a person', () => {
  it('is stored, and its calls tell where to connect it', async () => {
    const service = await startRestService({ check: ({ headers }) => issuer.takes(headers.authorization) });
    try {
      const auth = { issuer_url: issuer.issuer, client_id: 'public', grant_type: 'authorization_code' };
      const made = await composer.api(
        'POST',
        '/api/v1/servers',
        service.member('shop', { auth_strategy: 'oauth2', auth }),
      );
      expect(made.status).toBe(201);
      service.forget();
      const result = await callTool(composer.url, 'shop_get_order', { orderId: '7' });
      expect(result).toMatchObject({ isError: true });
      expect(result.content[0].text).toContain('/connect/shop');
      expect(service.calls()).toEqual([]);
    } finally {
      await composer.api('DELETE', '/api/v1/servers/shop');
      await service.stop();
    }
  });
});

describe('settings that lead nowhere', () => {
  it.each([
    [{ client_id: 'a', token_url: 'http://127.0.0.1:1/token' }, ['auth.client_secret']],
    [{ grant_type: 'refresh_token', client_id: 'a' }, ['auth.refresh_token']],
    [{ grant_type: 'token-exchange', token_url: 'http://127.0.0.1:1/t' }, ['auth.subject_token']],
    [{ authorization_url: 'http://127.0.0.1:1/authorize', client_id: 'a' }, ['auth.token_url']],
    [{ client_id: 'a', private_key: 'no key' }, ['auth.private_key']],
  ])('are refused by name: %j', async (auth, paths) => {
    const config = { id: 'bad', type: 'http', endpoint: 'http://127.0.0.1:1/mcp', auth_strategy: 'oauth2', auth };
    const { status, body } = await composer.api('POST', '/api/v1/servers', config);
    expect({ status, paths: body.faults.map(({ path }: { path: string }) => path) }).toEqual({ status: 422, paths });
  });
});
