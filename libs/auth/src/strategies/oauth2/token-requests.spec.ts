import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { exportJWK, jwtVerify } from 'jose';
import type { CredentialUse } from '../../credential-use.js';
import { type IssuerAnswer, type StrategyParts, oauth2Parts, openStrategyParts } from '#auth/testing';
import { ConnectLinks } from '../../consent/connect-links.js';
import { Oauth2Strategy } from './oauth2.strategy.js';

const use: CredentialUse = {
  member: { tenantId: tenantId('acme'), serverId: serverId('crm') },
  endpoint: new URL('https://crm.example/api'),
};
const FORM = 'application/x-www-form-urlencoded;charset=UTF-8';
const SECRET = 'a:b c/+&%ü';

let parts: StrategyParts;
let strategy: Oauth2Strategy;
let answer: IssuerAnswer;
let tokenUrl: string;

beforeEach(async () => {
  answer = { body: { access_token: 'one', token_type: 'Bearer' } };
  parts = await openStrategyParts(() => answer);
  parts.clock.time = Date.now();
  const { finder, tokens, listen } = oauth2Parts(parts);
  strategy = new Oauth2Strategy(parts.keeper, finder, tokens, new ConnectLinks(listen), parts.wishes);
  tokenUrl = `${parts.issuer.url}/oauth/token?tenant=7`;
});
afterEach(() => parts.close());

const authorize = (settings: object) =>
  strategy.authorize(use, strategy.settings.parse({ token_url: tokenUrl, ...settings }));

describe('what arrives at the token endpoint', () => {
  const client = { client_id: 'my-app_1', client_secret: SECRET };
  const encoded = 'a%3Ab+c%2F%2B%26%25%C3%BC';
  const posted = `client_id=my-app_1&client_secret=${encoded}`;
  const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const type = 'urn:ietf:params:oauth:token-type';

  it.each<[string, object, string, string | undefined]>([
    ['client_credentials', client, `grant_type=client_credentials&${posted}`, undefined],
    [
      'client_credentials with scope, resource and audience',
      { ...client, scope: 'read write', resource: 'https://crm.example/mcp', audience: 'crm' },
      `scope=read+write&resource=https%3A%2F%2Fcrm.example%2Fmcp&audience=crm&grant_type=client_credentials&${posted}`,
      undefined,
    ],
    [
      'client_credentials by basic',
      { ...client, client_authentication: 'client_secret_basic' },
      'grant_type=client_credentials',
      `Basic ${Buffer.from(`my-app_1:${encoded}`).toString('base64')}`,
    ],
    [
      'refresh_token as the original sends it',
      { ...client, refresh_token: 'r/1', scope: 'read' },
      `refresh_token=r%2F1&scope=read&grant_type=refresh_token&${posted}`,
      undefined,
    ],
    [
      'refresh_token of a public client',
      { client_id: 'my-app_1', refresh_token: 'r' },
      'refresh_token=r&grant_type=refresh_token&client_id=my-app_1',
      undefined,
    ],
    [
      'token-exchange, without a client',
      { grant_type: 'token-exchange', subject_token: 's' },
      `subject_token=s&${form({ subject_token_type: `${type}:access_token`, grant_type: exchange })}`,
      undefined,
    ],
    [
      'token-exchange with everything',
      {
        ...client,
        grant_type: exchange,
        subject_token: 's',
        subject_token_type: 'jwt',
        actor_token: 'a',
        actor_token_type: 'id_token',
        requested_token_type: `${type}:access_token`,
        audience: 'crm',
      },
      `${form({
        audience: 'crm',
        subject_token: 's',
        subject_token_type: `${type}:jwt`,
        actor_token: 'a',
        actor_token_type: `${type}:id_token`,
        requested_token_type: `${type}:access_token`,
        grant_type: exchange,
      })}&${posted}`,
      undefined,
    ],
    [
      'jwt-bearer with a ready assertion',
      { grant_type: 'jwt-bearer', assertion: 'h.p.s', scope: 'x' },
      'assertion=h.p.s&scope=x&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer',
      undefined,
    ],
  ])('is exactly this for %s', async (_name, settings, body, authorization) => {
    await authorize(settings);
    expect(parts.asked).toEqual([
      {
        method: 'POST',
        path: '/oauth/token?tenant=7',
        headers: {
          accept: 'application/json',
          'content-type': FORM,
          'content-length': String(body.length),
          ...(authorization === undefined ? {} : { authorization }),
        },
        body,
      },
    ]);
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  it.each([
    ['RSA, PKCS #8', rsa, rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }), {}, 'RS256'],
    [
      'RSA, PKCS #1, PS256',
      rsa,
      rsa.privateKey.export({ format: 'pem', type: 'pkcs1' }),
      { private_key_alg: 'PS256' },
      'PS256',
    ],
    ['EC, SEC 1', ec, ec.privateKey.export({ format: 'pem', type: 'sec1' }), {}, 'ES256'],
    ['EC as a JWK', ec, { ...ec.privateKey.export({ format: 'jwk' }), kid: 'k1' }, {}, 'ES256'],
    ['Ed25519', ed, ed.privateKey.export({ format: 'pem', type: 'pkcs8' }), {}, 'EdDSA'],
  ])('is a signed client for private_key_jwt: %s', async (_name, pair, private_key, more, alg) => {
    await authorize({ client_id: 'app', private_key, private_key_id: 'k1', ...more });
    const sent = new URLSearchParams(parts.asked[0]!.body);
    expect([...sent.keys()].sort()).toEqual(['client_assertion', 'client_assertion_type', 'client_id', 'grant_type']);
    expect(sent.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    const { payload, protectedHeader } = await jwtVerify(
      sent.get('client_assertion')!,
      await exportJWK(pair.publicKey),
    );
    expect(protectedHeader).toEqual({ alg, kid: 'k1' });
    const now = Math.floor(Date.now() / 1000);
    const times = { iat: expect.any(Number), nbf: expect.any(Number), exp: expect.any(Number) };
    expect(payload).toEqual({
      iss: 'app',
      sub: 'app',
      aud: tokenUrl,
      jti: expect.any(String),
      ...times,
    });
    expect(payload.exp! - now).toBeLessThanOrEqual(61);
  });

  it('is a signed assertion for jwt-bearer, with what the settings say in it', async () => {
    await authorize({
      grant_type: 'jwt-bearer',
      private_key: ec.privateKey.export({ format: 'pem', type: 'pkcs8' }),
      assertion_issuer: 'robot@example.com',
      assertion_subject: 'ada@example.com',
      assertion_audience: 'https://issuer.example',
      assertion_claims: { scope: 'https://www.example.com/auth/drive' },
    });
    const sent = new URLSearchParams(parts.asked[0]!.body);
    expect([...sent.keys()].sort()).toEqual(['assertion', 'grant_type']);
    const { payload } = await jwtVerify(sent.get('assertion')!, await exportJWK(ec.publicKey));
    expect(payload).toMatchObject({
      iss: 'robot@example.com',
      sub: 'ada@example.com',
      aud: 'https://issuer.example',
      scope: 'https://www.example.com/auth/drive',
    });
    expect(payload.exp! - payload.iat!).toBe(300);
  });

  it('is the rotated refresh token, and the old one where the issuer gives none', async () => {
    const settings = strategy.settings.parse({ token_url: tokenUrl, client_id: 'app', refresh_token: 'r1' });
    const gives = (refresh_token?: string) => (answer = { body: { access_token: 't', refresh_token } });
    gives('r2');
    let patch = await strategy.authorize(use, settings);
    for (const next of [undefined, '', 'r3', undefined]) {
      gives(next);
      strategy.noteAccepted(use, settings, patch);
      patch = (await strategy.renew(use, settings, patch))!;
    }
    const sent = parts.asked.map(({ body }) => new URLSearchParams(body).get('refresh_token'));
    expect(sent).toEqual(['r1', 'r2', 'r2', 'r2', 'r3']);
  });
});

describe('what an issuer answers', () => {
  const settings = { client_id: 'app', client_secret: 'a_secret_of_small_letters' };

  it.each<[string, object, number | undefined]>([
    ['a number', { expires_in: 60 }, 60_000],
    ['text', { expires_in: '60' }, 60_000],
    ['nothing', {}, undefined],
    ['null', { expires_in: null }, undefined],
  ])('gives an end of the token as %s', async (_name, given, left) => {
    answer = { body: { access_token: 't', token_type: 'BEARER', ...given } };
    const { expiresAt } = await authorize(settings);
    expect(expiresAt === undefined ? undefined : expiresAt - parts.clock.now()).toBe(left);
  });

  it('gives an identity token that is of no use: nobody looks at it', async () => {
    answer = { body: { access_token: 't', token_type: 'Bearer', id_token: 'nonsense', scope: 'a' } };
    expect(await authorize(settings)).toMatchObject({ headers: { authorization: 'Bearer t' } });
  });

  it.each<[string, IssuerAnswer, object]>([
    ['the grant', { status: 400, body: { error: 'invalid_grant' } }, { code: 'COMPOSER_GRANT_REFUSED' }],
    [
      'the client',
      { status: 401, headers: { 'www-authenticate': 'Basic' }, body: { error: 'invalid_client' } },
      { code: 'COMPOSER_CLIENT_REFUSED', reason: 'invalid_client' },
    ],
    ...['unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'invalid_request', 'invalid_target'].map(
      (error): [string, IssuerAnswer, object] => [
        error,
        { status: 400, body: { error } },
        { code: 'COMPOSER_CLIENT_REFUSED', reason: error },
      ],
    ),
    [
      'with what it was sent',
      { status: 400, body: { error: 'a_secret_of_small_letters' } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'http_400' },
    ],
    ['in GitHub’s words', { body: { error: 'bad_refresh_token' } }, { code: 'COMPOSER_GRANT_REFUSED' }],
    [
      'later',
      { status: 429, headers: { 'retry-after': '17' }, body: { error: 'invalid_grant' } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE', retryAfter: 17 },
    ],
    [
      'broken',
      { status: 500, body: { error: 'invalid_grant' } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'http_500' },
    ],
    ['for now', { status: 400, body: { error: 'temporarily_unavailable' } }, { code: 'COMPOSER_ISSUER_UNAVAILABLE' }],
    [
      'in a proxy’s words',
      { status: 403, body: '<html>invalid_grant' },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'http_403' },
    ],
    ['in garbage', { body: '{"access_token":' }, { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'no_token' }],
    ['in a list', { body: [] }, { code: 'COMPOSER_ISSUER_UNAVAILABLE' }],
    [
      'without a token',
      { body: { token_type: 'Bearer' } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'no_token' },
    ],
    [
      'with a token of another kind',
      { body: { access_token: 't', token_type: 'DPoP' } },
      { code: 'COMPOSER_CLIENT_REFUSED', reason: 'token_type' },
    ],
    [
      'with a token that ends its header',
      { body: { access_token: 'a\r\nx: y', token_type: 'Bearer' } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE' },
    ],
    [
      'with a number for a token',
      { body: { access_token: 7, token_type: 'Bearer' } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE' },
    ],
    [
      'without end',
      { body: { access_token: 't'.repeat(70_000) } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'answer_too_large' },
    ],
    [
      'with text that is no code',
      { status: 400, body: { error: 'The secret was hunter2!' } },
      { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'http_400' },
    ],
  ])('refuses %s: the class is this', async (_name, given, expected) => {
    answer = given;
    const error: unknown = await authorize({ ...settings, refresh_token: 'r' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(expected);
    expect(parts.asked).toHaveLength(1);
    expect(JSON.stringify(chain(error))).not.toMatch(/hunter2|tttt|client_secret/);
  });

  it.each([
    { grant_type: 'client_credentials' },
    { grant_type: 'token-exchange', subject_token: 's' },
    { grant_type: 'jwt-bearer', assertion: 'a' },
  ])('takes invalid_grant for a word about the settings where no person has given a grant: %j', async (grant) => {
    const { refresh_token: _, ...others } = settings as Record<string, unknown>;
    answer = { status: 400, body: { error: 'invalid_grant' } };
    await expect(authorize({ ...others, ...grant })).rejects.toMatchObject({
      code: 'COMPOSER_CLIENT_REFUSED',
      reason: 'invalid_grant',
    });
  });

  it.each([301, 302, 303, 307, 308])('sends elsewhere with %i: nothing goes there', async (status) => {
    const other = await openStrategyParts(() => ({}));
    answer = { status, headers: { location: `${other.issuer.url}/token` } };
    await expect(authorize(settings)).rejects.toMatchObject({
      code: 'COMPOSER_ISSUER_UNAVAILABLE',
      reason: `http_${status}`,
    });
    expect(other.issuer.connections).toBe(0);
    await other.close();
  });
});

function form(values: Record<string, string>): string {
  return new URLSearchParams(values).toString();
}

/** Everything that a log would write of an error. */
function chain(error: unknown): unknown[] {
  const all: unknown[] = [];
  for (let next = error; next instanceof Error; next = next.cause) all.push({ ...next, message: next.message });
  return all;
}
