import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { principalId, serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import type { CredentialUse } from '../../credential-use.js';
import { type Oauth2Parts, SmallIssuer, type StrategyParts, oauth2Parts, openStrategyParts } from '#auth/testing';
import { oauth2Settings } from './oauth2-settings.js';
import type { StartedConsent } from './consent-start.js';

const REDIRECT = 'https://composer.example/connect/callback';

let honest: SmallIssuer;
let other: SmallIssuer;
let parts: StrategyParts;
let oauth2: Oauth2Parts;
let use: CredentialUse;

beforeEach(async () => {
  [honest, other] = await Promise.all([SmallIssuer.start(), SmallIssuer.start()]);
  parts = await openStrategyParts(() => ({}));
  oauth2 = oauth2Parts(parts, { publicUrl: 'https://composer.example' });
  const member = { tenantId: tenantId('acme'), serverId: serverId('crm') };
  use = { member, endpoint: new URL(`${honest.url}/mcp`) };
});
afterEach(() => Promise.all([honest.close(), other.close(), parts.close()]));

const settingsOf = (settings: object = {}) =>
  oauth2Settings.parse({ grant_type: 'authorization_code', client_id: 'app', issuer_url: honest.url, ...settings });
const begin = (settings: object, of: CredentialUse = use) =>
  oauth2.consent.begin(of, settings, { redirectUri: REDIRECT, state: 'the-state' });
const finish = (settings: object, begun: StartedConsent, answer: Record<string, string>) =>
  finishAt(use, settings, begun)(answer);
const finishAt =
  (of: CredentialUse, settings: object, { kept }: StartedConsent) =>
  (answer: Record<string, string>) =>
    oauth2.consent.finish(of, settings, { kept, callbackParams: new URLSearchParams(answer), by: SYSTEM });
const storedOf = async (settings: ReturnType<typeof settingsOf>, issuer = honest.url) =>
  parts.keeper.find(await oauth2.tokens.keyFor(use, settings, { issuer }));

describe('a consent', () => {
  it('sends the browser with PKCE, state, resource and scope, and exchanges the code with all of them', async () => {
    const settings = settingsOf({ client_secret: 's', scope: 'read write', resource: 'https://crm.example/mcp' });
    expect(await oauth2.consent.describe(use, settings)).toEqual({
      issuer: honest.url,
      clientName: 'MCP Composer',
      scopes: ['read', 'write'],
      redirectHost: new URL(honest.url).host,
    });
    const begun = await begin(settings);
    const { origin, pathname, searchParams } = new URL(begun.authorizationUrl);
    expect(origin + pathname).toBe(`${honest.url}/authorize`);
    const sent = Object.fromEntries(searchParams);
    expect(sent).toEqual({
      response_type: 'code',
      client_id: 'app',
      redirect_uri: REDIRECT,
      state: 'the-state',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      scope: 'read write',
      resource: 'https://crm.example/mcp',
    });
    await finish(settings, begun, { code: 'the-code', state: 'the-state', iss: honest.url });
    const form = Object.fromEntries(honest.tokenForms[0]!);
    expect(form).toEqual({
      grant_type: 'authorization_code',
      code: 'the-code',
      redirect_uri: REDIRECT,
      code_verifier: expect.stringMatching(/^[\w-]{43,128}$/),
      resource: 'https://crm.example/mcp',
    });
    expect(createHash('sha256').update(form['code_verifier']!).digest('base64url')).toBe(sent['code_challenge']);
    expect((await storedOf(settings))?.tokens).toMatchObject({
      accessToken: `token-of-${honest.url}`,
      scope: 'read write',
    });
  });

  it('needs no metadata where the settings tell everything', async () => {
    const place = {
      issuer_url: undefined,
      token_url: `${honest.url}/token`,
      authorization_url: `${honest.url}/authorize?x=1`,
    };
    const settings = settingsOf(place);
    const begun = await begin(settings);
    expect(begun.authorizationUrl).toMatch(/\?x=1&response_type=code&/);
    await finish(settings, begun, { code: 'c' });
    expect(honest.asked).toEqual(['POST /token']);
    expect((await storedOf(settings, `${honest.url}/token`))?.generation).toBe(1);
  });

  it('asks for offline_access where the server knows it', async () => {
    honest.metadata = { scopes_supported: ['read', 'offline_access'] };
    const { authorizationUrl } = await begin(settingsOf({ scope: 'read' }));
    const { searchParams } = new URL(authorizationUrl);
    expect([searchParams.get('scope'), searchParams.get('prompt')]).toEqual(['read offline_access', 'consent']);
  });

  it.each<[string, object, object]>([
    ['other settings', { scope: 'more' }, {}],
    ['another secret', { client_secret: 's' }, {}],
    ['another origin', {}, { endpoint: new URL('https://elsewhere.example/mcp') }],
    ['another tool', {}, { tool: 'pay' }],
    ['another principal', {}, { principalId: principalId('bob') }],
  ])('does not end with %s than it was begun with', async (_what, settings, place) => {
    const begun = await begin(settingsOf());
    const ended = finishAt({ ...use, ...place }, settingsOf(settings), begun)({ code: 'c', iss: honest.url });
    await expect(ended).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REFUSED' });
    expect(honest.told).toEqual([]);
  });
});

describe('an answer of an authorization server', () => {
  const variants = (): Record<string, string> => ({
    'that of another': other.url,
    'with a slash': `${honest.url}/`,
    'in upper case': honest.url.toUpperCase(),
    'by another name': honest.url.replace('127.0.0.1', 'localhost'),
    'with an escape': honest.url.replace('127', '%3127'),
    'with a blank': `${honest.url} `,
    empty: '',
    'with a query': `${honest.url}?`,
  });

  it.each([
    ...['that of another', 'with a slash', 'in upper case', 'by another name', 'with an escape', 'with a blank'],
    ...['empty', 'with a query'],
  ])('is refused if its iss is %s, also where the metadata does not promise one', async (variant) => {
    const settings = settingsOf();
    for (const promised of [true, undefined]) {
      honest.metadata = { authorization_response_iss_parameter_supported: promised };
      const begun = await begin(settings);
      const ended = finish(settings, begun, { code: 'c', iss: variants()[variant]! });
      await expect(ended).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REFUSED' });
      parts.clock.time += 3_600_000;
    }
    expect([...honest.told, ...other.told]).toEqual([]);
  });

  it('is refused without iss where the metadata promises one, and taken where it does not', async () => {
    const settings = settingsOf();
    const begun = await begin(settings);
    await expect(finish(settings, begun, { code: 'c' })).rejects.toThrow(/does not say who gives it/);
    expect(honest.told).toEqual([]);
    honest.metadata = { authorization_response_iss_parameter_supported: undefined };
    parts.clock.time += 3_600_000;
    await finish(settings, await begin(settings), { code: 'c' });
    expect(honest.told).toEqual(['POST /token']);
  });

  it('is refused with iss where nobody has said who is asked: it may be a code of another server', async () => {
    const place = {
      issuer_url: undefined,
      token_url: `${other.url}/token`,
      authorization_url: `${other.url}/authorize`,
    };
    const settings = settingsOf(place);
    const begun = await begin(settings);
    await expect(finish(settings, begun, { code: 'c', iss: honest.url })).rejects.toThrow(/give issuer_url/);
    expect([...honest.told, ...other.told]).toEqual([]);
  });

  it('is refused if it gives anything twice', async () => {
    const settings = settingsOf();
    const { kept } = await begin(settings);
    for (const twice of [`code=a&code=b&iss=${honest.url}`, `code=a&iss=${honest.url}&iss=${other.url}`]) {
      const answer = { kept, callbackParams: new URLSearchParams(twice), by: SYSTEM };
      await expect(oauth2.consent.finish(use, settings, answer)).rejects.toThrow(/more than once/);
    }
    expect(honest.told).toEqual([]);
  });

  it('tells an error in the server’s code alone, and only if it is the server’s', async () => {
    const settings = settingsOf();
    const begun = await begin(settings);
    const said = (answer: Record<string, string>) =>
      finish(settings, begun, answer).catch((error: Error) => error.message);
    const words = { error_description: 'call 555-0100 now' };
    expect(await said({ error: 'access_denied', iss: honest.url, ...words })).toMatch(/access was denied/);
    expect(await said({ error: 'server_error', iss: honest.url, ...words })).toMatch(/says server_error/);
    expect(await said({ error: 'Click <here>', iss: honest.url })).toMatch(/for no known reason/);
    for (const foreign of [{ iss: other.url }, {}]) {
      expect(await said({ error: 'access_denied', ...foreign, ...words })).not.toMatch(/denied|555/);
    }
    expect(honest.told).toEqual([]);
  });

  it('with a code that the server does not take is told, and nothing is stored', async () => {
    const settings = settingsOf();
    const begun = await begin(settings);
    honest.answers.set('/token', { status: 400, body: { error: 'invalid_grant' } });
    await expect(finish(settings, begun, { code: 'c', iss: honest.url })).rejects.toMatchObject({
      code: 'COMPOSER_GRANT_REFUSED',
    });
    expect(await storedOf(settings)).toBeUndefined();
  });

  it('is not carried on where the token endpoint sends it', async () => {
    const settings = settingsOf();
    const begun = await begin(settings);
    honest.answers.set('/token', { status: 307, headers: { location: `${other.url}/token` } });
    await expect(finish(settings, begun, { code: 'c', iss: honest.url })).rejects.toMatchObject({ reason: 'http_307' });
    expect(other.asked).toEqual([]);
  });
});

describe('metadata of an authorization server', () => {
  it.each<[string, Record<string, unknown>]>([
    ['no PKCE', { code_challenge_methods_supported: undefined }],
    ['plain PKCE alone', { code_challenge_methods_supported: ['plain'] }],
    ['no method', { code_challenge_methods_supported: [] }],
    ['S256 in another case', { code_challenge_methods_supported: ['s256'] }],
  ])('that offers %s ends a consent before it begins', async (_what, metadata) => {
    honest.metadata = metadata;
    for (const client of [{}, { client_id: undefined }]) {
      await expect(begin(settingsOf(client))).rejects.toThrow(/PKCE/);
    }
    expect(honest.told).toEqual([]);
  });

  it.each<[string, () => string]>([
    ['another server', () => other.url],
    ['the same with a slash', () => `${honest.url}/`],
    ['the same in upper case', () => honest.url.replace('http', 'HTTP')],
  ])('that is of %s is not used', async (_what, issuer) => {
    honest.metadata = { issuer: issuer() };
    await expect(begin(settingsOf())).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNTRUSTED' });
    expect([...honest.told, ...other.told]).toEqual([]);
  });

  it('that leaves out a slash of the name that was asked for is not used', async () => {
    await expect(begin(settingsOf({ issuer_url: `${honest.url}/` }))).rejects.toMatchObject({
      code: 'COMPOSER_ISSUER_UNTRUSTED',
    });
    expect(honest.told).toEqual([]);
  });

  it.each(['javascript:alert(1)', 'http://issuer.example/authorize', 'ftp://issuer.example', 'nowhere'])(
    'that names the page %s sends nobody there',
    async (authorization_endpoint) => {
      honest.metadata = { authorization_endpoint };
      await expect(begin(settingsOf())).rejects.toMatchObject({
        code: expect.stringMatching(/UNTRUSTED|REFUSED|DENIED/),
      });
    },
  );

  it.each<[string, () => void, string]>([
    ['there is none', () => (honest.metadata = undefined), 'COMPOSER_ISSUER_UNTRUSTED'],
    [
      'it is not there now',
      () => honest.answers.set('/.well-known/oauth-authorization-server', { status: 503 }),
      'COMPOSER_ISSUER_UNAVAILABLE',
    ],
    ['it is too large', () => (honest.metadata = { pad: 'x'.repeat(70_000) }), 'COMPOSER_ISSUER_UNAVAILABLE'],
    [
      'it is nonsense',
      () => honest.answers.set('/.well-known/oauth-authorization-server', { body: '<html>' }),
      'COMPOSER_ISSUER_UNTRUSTED',
    ],
  ])('leads nowhere if %s', async (_what, bend, code) => {
    bend();
    await expect(begin(settingsOf())).rejects.toMatchObject({ code });
  });
});

describe('a mix-up', () => {
  it('of two servers ends before the code is sent to either', async () => {
    // The member of the attacker leads to the attacker's server, which sends the browser on to the honest one.
    const settings = settingsOf({ issuer_url: other.url });
    const begun = await begin(settings);
    await expect(finish(settings, begun, { code: 'of-the-honest', iss: honest.url })).rejects.toThrow(
      /not from the authorization server/,
    );
    expect([...honest.told, ...other.told]).toEqual([]);
  });

  it('by metadata that changes between the two ways ends at the server that was asked first', async () => {
    const settings = settingsOf();
    const begun = await begin(settings);
    honest.metadata = { token_endpoint: `${other.url}/token` };
    parts.clock.time += 3_600_000;
    await finish(settings, begun, { code: 'c', iss: honest.url });
    expect([honest.told, other.told]).toEqual([['POST /token'], []]);
  });
});
