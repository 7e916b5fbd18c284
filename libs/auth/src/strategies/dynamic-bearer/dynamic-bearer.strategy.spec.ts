import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { type IssuerAnswer, type StrategyParts, describeRenewingStrategy, openStrategyParts } from '#auth/testing';
import { DynamicBearerStrategy } from './dynamic-bearer.strategy.js';

const open = ({ keeper, http, keys }: StrategyParts) => new DynamicBearerStrategy(keeper, http, keys);
const FORM = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
const basic = `Basic ${Buffer.from('Ann:s€cret:/').toString('base64')}`;
const token_url = 'https://issuer.example/token';

describeRenewingStrategy({
  strategy: open,
  good: (issuer) => [
    { token_url: `${issuer}/token`, apikey: 'the key' },
    { token_url: `${issuer}/token`, client_id: 'c', client_secret: 's', refresh_token: 'r' },
    { token_url: `${issuer}/token`, id: 'i', secret: 's' },
  ],
  edited: (issuer) => ({ token_url: `${issuer}/token`, apikey: 'another key' }),
  bad: [
    {},
    { token_url },
    { apikey: 'k' },
    { token_url: 'token', apikey: 'k' },
    { token_url: 'ftp://issuer.example', apikey: 'k' },
    { token_url: 'https://u:p@issuer.example', apikey: 'k' },
    { token_url, apikey: '' },
    { token_url, client_id: 'c' },
    { token_url, id: 'a:b', secret: 's' },
    { token_url, apikey: 'k', media_type: 'xml' },
    { token_url, apikey: 'k', token_gen_method: 'put' },
    { token_url, apikey: 'k', auth_prefix: 'a\r\nb' },
  ],
  issuer: (_, count) => ({ body: { access_token: `given-token-${count}`, expires_in: 3600 } }),
  carried: (count) => ({ headers: { authorization: `Bearer given-token-${count}` } }),
});

describe('dynamic_bearer', () => {
  let parts: StrategyParts;
  let strategy: DynamicBearerStrategy;
  let answers: IssuerAnswer[];

  beforeEach(async () => {
    answers = [];
    parts = await openStrategyParts((_, count) => answers.shift() ?? { body: { access_token: `t${count}` } });
    strategy = open(parts);
  });
  afterEach(() => parts.close());

  const authorize = (settings: object, tenant = 'acme') => {
    const member = { tenantId: tenantId(tenant), serverId: serverId('crm') };
    const use = { member, endpoint: new URL('https://crm.example') };
    const read = strategy.settings.parse({ token_url: `${parts.issuer.url}/token?a=b`, ...settings });
    const given = strategy.authorize(use, read);
    return given.then((patch) => ({ patch, again: () => strategy.renew(use, read, patch), use, read }));
  };
  const key = 'k&y =%+ü';
  const encoded = 'k%26y+%3D%25%2B%C3%BC';
  const client = { client_id: 'c d', client_secret: 's&s' };
  const pair = { id: 'Ann', secret: 's€cret:/' };

  it.each<[string, object, object]>([
    [
      'the refresh token of a client',
      { ...client, refresh_token: 'r/1', scope: 'a b', apikey: key, token_gen_auth_method: 'jwt' },
      {
        headers: FORM,
        body: 'grant_type=refresh_token&client_id=c+d&client_secret=s%26s&refresh_token=r%2F1&scope=a+b',
      },
    ],
    [
      'the credentials of a client',
      { ...client, apikey: key, ...pair, token_gen_auth_method: 'basic' },
      { headers: FORM, body: 'grant_type=client_credentials&client_id=c+d&client_secret=s%26s' },
    ],
    [
      'a key in JSON, by method',
      { apikey: key, ...pair, token_gen_auth_method: 'JWT' },
      { headers: { ...FORM, 'content-type': 'application/json' }, body: JSON.stringify({ apikey: key }) },
    ],
    [
      'a key in JSON, by media type',
      { apikey: key, media_type: 'json' },
      { headers: { ...FORM, 'content-type': 'application/json' }, body: JSON.stringify({ apikey: key }) },
    ],
    [
      'the client of Turbonomic',
      { ...pair, token_gen_auth_method: 'basic', server: 'turbo', scope: 'role:OBSERVER' },
      { headers: { ...FORM, authorization: basic }, body: 'grant_type=client_credentials&scope=role%3AOBSERVER' },
    ],
    [
      'basic, by GET',
      { ...pair, apikey: key, media_type: 'json', token_gen_auth_method: 'basic' },
      { method: 'GET', headers: { accept: FORM.accept, authorization: basic }, body: '' },
    ],
    [
      'basic, by POST without a body',
      { ...pair, token_gen_method: 'post' },
      { headers: { accept: FORM.accept, authorization: basic, 'content-length': '0' }, body: '' },
    ],
    [
      'IBM Cloud IAM',
      { apikey: key, media_type: 'application/x-www-form-urlencoded', id: 'unused', secret: 'unused' },
      { headers: FORM, body: `grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=${encoded}` },
    ],
  ])('sends %s', async (_, settings, request) => {
    const { patch } = await authorize(settings);
    expect(patch.headers).toEqual({ authorization: 'Bearer t1' });
    const [asked] = parts.asked;
    const length = asked!.body === '' ? {} : { 'content-length': String(Buffer.byteLength(asked!.body)) };
    const { headers, ...rest } = request as { headers: object };
    const expected = { method: 'POST', path: '/token?a=b', ...rest, headers: { ...length, ...headers } };
    expect(parts.asked).toEqual([expected]);
  });

  it.each<[object, string[], RegExp]>([
    [{ client_id: 'c' }, ['client_secret'], /goes with client_id/],
    [{ refresh_token: 'r' }, ['client_id', 'client_secret'], /goes with refresh_token/],
    [{ secret: 's' }, ['id'], /goes with secret/],
    [{ token_gen_auth_method: 'jwt' }, ['apikey'], /token_gen_auth_method "jwt" sends it/],
    [{ token_gen_auth_method: 'basic', apikey: 'k' }, ['id', 'secret'], /token_gen_auth_method "basic" sends it/],
    [{}, ['apikey'], /give this, or id and secret, or client_id and client_secret/],
  ])('says of %j that %j is missing', (settings, paths, message) => {
    const { error } = strategy.settings.safeParse({ token_url, ...settings });
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(paths);
    for (const issue of error!.issues) expect(issue.message).toMatch(message);
  });

  it.each<[object, object, string]>([
    [{ apikey: 'k' }, { token: 'T' }, 'Bearer T'],
    [{ apikey: 'k' }, { token: 'T', access_token: 'A' }, 'Bearer A'],
    [{ apikey: 'k' }, { token: 'T', access_token: null }, 'Bearer T'],
    [{ ...client, refresh_token: 'r' }, { id_token: 'I' }, 'Bearer I'],
    [{ apikey: 'k', auth_prefix: 'ZenApiKey' }, { access_token: 'A' }, 'ZenApiKey A'],
  ])('with %j takes the token of %j', async (settings, body, authorization) => {
    answers.push({ body });
    expect((await authorize(settings)).patch.headers).toEqual({ authorization });
  });

  it.each<[unknown, number]>([
    [undefined, 3600],
    [120, 120],
    ['240', 240],
    [86_400, 5400],
    [0, 3600],
    [-1, 3600],
    ['soon', 3600],
  ])('reads expires_in %j as %d seconds', async (expires_in, seconds) => {
    answers.push({ body: { access_token: 'A', expires_in } });
    expect((await authorize({ apikey: 'k' })).patch.expiresAt).toBe(parts.clock.now() + seconds * 1000);
  });

  it('asks anew when the token has ended', async () => {
    answers.push({ body: { access_token: 'short', expires_in: 60 } });
    await authorize({ apikey: 'k' });
    parts.clock.time += 60_000;
    expect((await authorize({ apikey: 'k' })).patch.headers).toEqual({ authorization: 'Bearer t2' });
  });

  it('goes on with the refresh token that was given last', async () => {
    answers.push({ body: { access_token: 'a1', refresh_token: 'r2' } }, { body: { access_token: 'a2' } });
    const settings = { ...client, refresh_token: 'r1' };
    const first = await authorize(settings);
    strategy.noteAccepted(first.use, first.read, first.patch);
    const second = await first.again();
    strategy.noteAccepted(first.use, first.read, second);
    await strategy.renew(first.use, first.read, second);
    const sent = parts.asked.map(({ body }) => new URLSearchParams(body).get('refresh_token'));
    expect(sent).toEqual(['r1', 'r2', 'r2']);
  });

  it('has one token, whatever stands before it in the header', async () => {
    await authorize({ apikey: 'k' });
    const { patch } = await authorize({ apikey: 'k', auth_prefix: 'ZenApiKey' });
    expect(patch.headers).toEqual({ authorization: 'ZenApiKey t1' });
  });

  it('begins with the configured refresh token again when the settings are edited', async () => {
    answers.push({ body: { access_token: 'a1', refresh_token: 'r2' } });
    await authorize({ ...client, refresh_token: 'r1' });
    await authorize({ ...client, refresh_token: 'r9' });
    expect(new URLSearchParams(parts.asked[1]!.body).get('refresh_token')).toBe('r9');
  });

  const refresh = { ...client, refresh_token: 'r' };
  it.each<[string, IssuerAnswer, object, string, string]>([
    ['a dead grant', { status: 400, body: { error: 'invalid_grant' } }, refresh, 'GRANT_REFUSED', 'invalid_grant'],
    ['a client', { status: 401, body: { error: 'invalid_client' } }, refresh, 'CLIENT_REFUSED', 'invalid_client'],
    ['a key', { status: 400, body: { errorCode: 'BXNIM0415E' } }, { apikey: 'k' }, 'CLIENT_REFUSED', 'BXNIM0415E'],
    ['a key', { status: 400, body: { error: 'invalid_grant' } }, { apikey: 'k' }, 'CLIENT_REFUSED', 'invalid_grant'],
    ['a key', { status: 403, body: { errors: [{ code: 'no' }] } }, { apikey: 'k' }, 'CLIENT_REFUSED', 'no'],
    ['for now', { status: 400, body: { error: 'slow_down' } }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'slow_down'],
    ['in words', { status: 400, body: { error: 'Bad key: k!' } }, { apikey: 'k' }, 'CLIENT_REFUSED', 'http_400'],
    ['yet gives a token', { status: 401, body: { token: 'T' } }, { apikey: 'k' }, 'CLIENT_REFUSED', 'http_401'],
    ['by a redirect', { status: 302, headers: { location: '/x' } }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'http_302'],
    ['with a page', { body: '<html>' }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'answer_not_json'],
    ['with a list', { body: ['T'] }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'answer_not_json'],
    ['with nothing', { body: {} }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'no_token'],
    ['with an object', { body: { token: {} } }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'no_token'],
    ['with a header', { body: { token: 'a\r\nx: y' } }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'no_token'],
    ['at length', { body: { token: 'T'.repeat(16_385) } }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'no_token'],
    ['without end', { body: { x: 'x'.repeat(65_536) } }, { apikey: 'k' }, 'ISSUER_UNAVAILABLE', 'answer_too_large'],
  ])('tells an issuer that refuses %s (%j)', async (_, answer, settings, code, reason) => {
    answers.push(answer);
    await expect(authorize(settings)).rejects.toMatchObject({ code: `COMPOSER_${code}`, reason });
    expect(parts.asked).toHaveLength(1);
  });

  it('asks nobody at an address that egress denies', async () => {
    const denied = { token_url: 'http://169.254.169.254/token', apikey: 'k' };
    await expect(authorize(denied)).rejects.toMatchObject({ reason: 'address_denied' });
  });
});
