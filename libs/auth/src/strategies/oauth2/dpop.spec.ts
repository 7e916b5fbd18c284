import { hash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Oauth2Parts,
  type RealIssuer,
  SmallIssuer,
  type StrategyParts,
  oauth2Parts,
  openStrategyParts,
  startRealIssuer,
} from '#auth/testing';
import { serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader } from 'jose';
import type { RequestPatch } from '../../auth-strategy.js';
import { ConnectLinks } from '../../consent/connect-links.js';
import type { CredentialUse } from '../../credential-use.js';
import { Oauth2Strategy } from './oauth2.strategy.js';

const REDIRECT = 'http://127.0.0.1:9000/connect/callback';
const member = { tenantId: tenantId('acme'), serverId: serverId('crm') };
const GET_ME = { method: 'GET', path: '/me' };

let parts: StrategyParts;
let oauth2: Oauth2Parts;
let strategy: Oauth2Strategy;

const open = async () => {
  parts = await openStrategyParts(() => ({}));
  parts.clock.time = Date.now();
  oauth2 = oauth2Parts(parts);
  const { finder, tokens, listen } = oauth2;
  strategy = new Oauth2Strategy(parts.keeper, finder, tokens, new ConnectLinks(listen), parts.wishes);
};
const proofOf = (patch: RequestPatch, request = GET_ME) => patch.forRequest!(request).headers!['dpop']!;
const keyOf = (proof: string) => calculateJwkThumbprint(decodeProtectedHeader(proof).jwk!);

describe('tokens that are bound to a key, of a real provider that wants nonces', () => {
  let issuer: RealIssuer;
  let use: CredentialUse;

  beforeAll(async () => {
    issuer = await startRealIssuer({ wantsNonces: true });
    await open();
    use = { member, endpoint: new URL(`${issuer.issuer}/me`) };
  });
  afterAll(() => Promise.all([parts.close(), issuer.stop()]));

  const settingsOf = (more: object) =>
    strategy.settings.parse({ issuer_url: issuer.issuer, dpop: true, scope: 'openid offline_access things', ...more });
  type Settings = ReturnType<typeof settingsOf>;
  const connect = async (settings: Settings) => {
    const begun = await oauth2.consent.begin(use, settings, { redirectUri: REDIRECT, state: 'xyz' });
    const { searchParams } = await issuer.consent(begun.authorizationUrl);
    await oauth2.consent.finish(use, settings, { kept: begun.kept, callbackParams: searchParams, by: SYSTEM });
  };
  /** As a member that checks every part of a proof: the provider itself. */
  const askMe = async (patch: RequestPatch) => {
    const answer = await fetch(`${issuer.issuer}/me`, { headers: patch.forRequest!(GET_ME).headers! });
    const nonce = answer.headers.get('dpop-nonce');
    if (nonce !== null) patch.onNonce!(nonce);
    const challenge = answer.headers.get('www-authenticate');
    return { status: answer.status, contentType: '', ...(challenge === null ? {} : { challenge }) };
  };
  /** As a call does it: once more after a refusal. */
  const called = async (settings: Settings, patch: RequestPatch) => {
    const first = await askMe(patch);
    if (!strategy.refuses(first, settings)) return { statuses: [first.status], patch };
    const fresh = (await strategy.renew(use, settings, { ...patch, answer: first }))!;
    return { statuses: [first.status, (await askMe(fresh)).status], patch: fresh };
  };

  it.each(['public', 'basic'])('are taken with a proof each, client "%s", also when they were renewed', async (id) => {
    const secret = id === 'public' ? {} : { client_secret: issuer.secret };
    const settings = settingsOf({ grant_type: 'authorization_code', client_id: id, ...secret });
    await connect(settings);
    const { statuses, patch } = await called(settings, await strategy.authorize(use, settings));
    expect([statuses, patch.generation]).toEqual([[401, 200], 1]);
    expect((await called(settings, patch)).statuses).toEqual([200]);
    // A patch that was asked for anew knows the nonce; a proof without it, or a second time, is refused.
    const again = await strategy.authorize(use, settings);
    expect((await called(settings, again)).statuses).toEqual([200]);
    expect(proofOf(again)).not.toBe(proofOf(again));

    strategy.noteAccepted(use, settings, again);
    const before = issuer.requests.length;
    issuer.expireAll();
    const renewed = (await strategy.renew(use, settings, { ...again, answer: { status: 401, contentType: '' } }))!;
    expect(renewed.generation).toBe(2);
    // The nonce of the first token request served the second one.
    expect(issuer.requests).toHaveLength(before + 1);
    expect((await called(settings, renewed)).statuses).toEqual([200]);
    expect(await keyOf(proofOf(renewed))).toBe(await keyOf(proofOf(again)));
    const tokenOf = ({ forRequest }: RequestPatch) => forRequest!(GET_ME).headers!['authorization'];
    expect(tokenOf(renewed)).toMatch(/^DPoP /);
    expect(tokenOf(renewed)).not.toBe(tokenOf(again));
  });

  it('are had without a person too, with a key of their own', async () => {
    const settings = settingsOf({ client_id: 'post', client_secret: issuer.secret, scope: 'things' });
    const patch = await strategy.authorize(use, settings);
    const headers = patch.forRequest!({ method: 'POST', path: '/mcp?tenant=7' }).headers!;
    expect(issuer.takes(headers['authorization'])).toBe(true);
    expect(decodeJwt(headers['dpop']!)).toMatchObject({
      htm: 'POST',
      htu: `${issuer.issuer}/mcp`,
      ath: hash('sha256', headers['authorization']!.slice('DPoP '.length), 'base64url'),
    });
    const other = settingsOf({ client_id: 'basic', client_secret: issuer.secret, scope: 'things' });
    expect(await keyOf(proofOf(await strategy.authorize(use, other)))).not.toBe(await keyOf(headers['dpop']!));
  });
});

describe('whether tokens are bound to a key', () => {
  let issuer: SmallIssuer;
  let use: CredentialUse;

  beforeEach(async () => {
    issuer = await SmallIssuer.start();
    await open();
    use = { member, endpoint: new URL(`${issuer.url}/mcp`) };
  });
  afterEach(() => Promise.all([issuer.close(), parts.close()]));

  const client = { client_id: 'app', client_secret: 's' };
  const BOTH = { dpop_signing_alg_values_supported: ['ES256'] };
  const challenge = (scheme: string) =>
    issuer.answers.set('/mcp', { status: 401, headers: { 'www-authenticate': `${scheme} realm="r"` } });
  const gives = (token_type: string) =>
    issuer.answers.set('/token', { body: { access_token: 'a-token', token_type, expires_in: 60 } });
  const authorize = (more: object = {}) => strategy.authorize(use, strategy.settings.parse({ ...client, ...more }));

  it.each<[string, object, string, object, boolean]>([
    ['both say so, the member by its challenge', BOTH, 'DPoP', {}, true],
    ['the member says so beside another scheme', BOTH, 'Bearer realm="a", DPoP algs="ES256",', {}, true],
    ['the member says so in its metadata', BOTH, 'Bearer', { dpop_bound_access_tokens_required: true }, true],
    ['the member names the algorithm there', BOTH, 'Bearer', BOTH, true],
    ['the member has the word in a text', BOTH, 'Bearer scope="a, DPoP \\"b", x="c, DPoP d",', {}, false],
    ['the authorization server alone says so', BOTH, 'Bearer', {}, false],
    ['the member alone says so', {}, 'DPoP', BOTH, false],
    ['no algorithm fits', { dpop_signing_alg_values_supported: ['RS256'] }, 'DPoP', {}, false],
  ])('is found out: %s', async (_, metadata, scheme, resource, isBound) => {
    issuer.metadata = { ...metadata };
    issuer.resourceMetadata = { resource: use.endpoint.href, authorization_servers: [issuer.url], ...resource };
    challenge(scheme);
    gives(isBound ? 'DPoP' : 'Bearer');
    const patch = await authorize();
    expect([patch.forRequest !== undefined, patch.headers?.['authorization']]).toEqual(
      isBound ? [true, undefined] : [false, 'Bearer a-token'],
    );
  });

  it('is for the settings to say where they say it', async () => {
    issuer.metadata = BOTH;
    challenge('DPoP');
    gives('Bearer');
    expect((await authorize({ dpop: false })).headers).toEqual({ authorization: 'Bearer a-token' });
    await expect(authorize({ dpop: true })).rejects.toMatchObject({ reason: 'token_type' });
    gives('DPoP');
    await expect(authorize({ dpop: false, scope: 'other' })).rejects.toMatchObject({ reason: 'token_type' });
    const told = { dpop: true, token_url: `${issuer.url}/token`, client_authentication: 'client_secret_post' };
    expect(decodeJwt(proofOf(await authorize(told)))).toMatchObject({ htu: `${issuer.url}/me` });
  });

  it('does not stand in the way of an issuer that binds nothing after all', async () => {
    issuer.metadata = BOTH;
    challenge('DPoP');
    gives('Bearer');
    expect(await authorize()).toMatchObject({ headers: { authorization: 'Bearer a-token' } });
  });

  it('does not send a request for tokens a third time', async () => {
    const body = { error: 'use_dpop_nonce' };
    issuer.answers.set('/token', { status: 400, headers: { 'dpop-nonce': 'n' }, body });
    const asked = authorize({ dpop: true, token_url: `${issuer.url}/token` });
    await expect(asked).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
    expect(issuer.told).toEqual(['POST /token', 'POST /token']);
  });
});
