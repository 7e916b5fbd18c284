import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { principalId, serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import type { RequestPatch } from '../../auth-strategy.js';
import type { CredentialUse } from '../../credential-use.js';
import {
  type Oauth2Parts,
  type RealIssuer,
  type StrategyParts,
  oauth2Parts,
  openStrategyParts,
  startRealIssuer,
} from '#auth/testing';
import { ConnectLinks } from '../../consent/connect-links.js';
import { Oauth2Strategy } from './oauth2.strategy.js';

const REDIRECT = 'http://127.0.0.1:9000/connect/callback';
const member = { tenantId: tenantId('acme'), serverId: serverId('crm') };
const use: CredentialUse = { member, endpoint: new URL('https://crm.example/mcp') };

let issuer: RealIssuer;
let parts: StrategyParts;
let oauth2: Oauth2Parts;
let strategy: Oauth2Strategy;

beforeAll(async () => {
  issuer = await startRealIssuer();
  parts = await openStrategyParts(() => ({}));
  parts.clock.time = Date.now();
  oauth2 = oauth2Parts(parts);
  const { finder, tokens, listen } = oauth2;
  strategy = new Oauth2Strategy(parts.keeper, finder, tokens, new ConnectLinks(listen), parts.wishes);
});
afterAll(async () => {
  await parts.close();
  await issuer.stop();
});

const isTaken = ({ headers }: RequestPatch) => issuer.takes(headers?.['authorization']);
const clients = () => {
  const { secret, privateKey } = issuer;
  return {
    basic: { client_id: 'basic', client_secret: secret, client_authentication: 'client_secret_basic' },
    post: { client_id: 'post', client_secret: secret, client_authentication: 'client_secret_post' },
    signed: { client_id: issuer.signedClient, private_key: privateKey, client_authentication: 'private_key_jwt' },
    public: { client_id: 'public' },
  };
};
type Client = keyof ReturnType<typeof clients>;

describe.each<Client>(['basic', 'post', 'signed', 'public'])('a real provider and its client "%s"', (name) => {
  const settingsOf = async (grant_type: string) => {
    const more: Record<string, object> = {
      refresh_token: { refresh_token: await issuer.refreshToken(clients()[name].client_id) },
      'token-exchange': { subject_token: 'a.b.c', subject_token_type: 'jwt' },
      'jwt-bearer': { private_key: issuer.privateKey, assertion_issuer: 'somebody' },
    };
    return strategy.settings.parse({ grant_type, issuer_url: issuer.issuer, ...clients()[name], ...more[grant_type] });
  };
  const grants = [
    'refresh_token',
    'token-exchange',
    'jwt-bearer',
    ...(name === 'public' ? [] : ['client_credentials']),
  ];

  it.each(grants)('gives a token for the grant %s, and another one when it is refused', async (grant) => {
    const settings = await settingsOf(grant);
    const first = await strategy.authorize(use, settings);
    expect(isTaken(first)).toBe(true);
    strategy.noteAccepted(use, settings, first);
    issuer.expireAll();
    const second = (await strategy.renew(use, settings, first))!;
    expect([isTaken(first), isTaken(second)]).toEqual([false, true]);
    strategy.noteAccepted(use, settings, second);
    issuer.expireAll();
    expect(isTaken((await strategy.renew(use, settings, second))!)).toBe(true);
  });
});

const connect = async (settings: object, of: CredentialUse = use) => {
  const begun = await oauth2.consent.begin(of, settings, { redirectUri: REDIRECT, state: 'xyz' });
  const back = await issuer.consent(begun.authorizationUrl);
  expect(back.searchParams.get('state')).toBe('xyz');
  await oauth2.consent.finish(of, settings, { kept: begun.kept, callbackParams: back.searchParams, by: SYSTEM });
};

describe('a real provider and a person', () => {
  it.each<Client>(['basic', 'post', 'signed', 'public'])(
    'connect by consent, client "%s"; the token rotates',
    async (name) => {
      const settings = strategy.settings.parse({
        grant_type: 'authorization_code',
        issuer_url: issuer.issuer,
        scope: 'openid offline_access things',
        ...clients()[name],
      });
      await expect(strategy.authorize(use, settings)).rejects.toMatchObject({
        code: 'COMPOSER_CONSENT_REQUIRED',
        url: 'http://127.0.0.1:9000/connect/crm',
      });
      await connect(settings);
      const first = await strategy.authorize(use, settings);
      expect(isTaken(first)).toBe(true);
      issuer.expireAll();
      const second = (await strategy.renew(use, settings, first))!;
      expect(isTaken(second)).toBe(true);
      expect(second.headers).not.toEqual(first.headers);
    },
  );

  it('connect with nothing but the issuer: the composer registers itself once', async () => {
    const settings = strategy.settings.parse({ issuer_url: issuer.issuer, scope: 'openid offline_access things' });
    await connect(settings);
    const first = await strategy.authorize(use, settings);
    expect(isTaken(first)).toBe(true);
    issuer.expireAll();
    expect(isTaken((await strategy.renew(use, settings, first))!)).toBe(true);
    const clientOf = async () =>
      new URL(
        (await oauth2.consent.begin(use, settings, { redirectUri: REDIRECT, state: 's' })).authorizationUrl,
      ).searchParams.get('client_id');
    expect(await clientOf()).toBe(await clientOf());
  });

  it('have a credential each, and nobody is lent one', async () => {
    const settings = strategy.settings.parse({
      issuer_url: issuer.issuer,
      identity: 'per_user',
      scope: 'openid things',
      ...clients().public,
    });
    expect(strategy.isPerPrincipal(settings)).toBe(true);
    const ada = { ...use, principalId: principalId('ada') };
    const bob = { ...use, principalId: principalId('bob') };
    await connect(settings, ada);
    expect(isTaken(await strategy.authorize(ada, settings))).toBe(true);
    for (const other of [bob, use]) {
      await expect(strategy.authorize(other, settings)).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
    }
  });
});

describe('what is taken out of use', () => {
  const taken = async (settings: ReturnType<typeof strategy.settings.parse>, name = issuer.issuer) => {
    const key = await oauth2.tokens.keyFor(use, settings, { issuer: name });
    return { key, tokens: (await parts.keeper.find(key))!.tokens };
  };

  it.each<Client>(['basic', 'post', 'signed', 'public'])(
    'is revoked at a real provider, by the client "%s", without its settings',
    async (name) => {
      const chosen = { grant_type: 'authorization_code', scope: 'openid offline_access', identity: 'shared' };
      const settings = strategy.settings.parse({ ...chosen, issuer_url: issuer.issuer, ...clients()[name] });
      await connect(settings);
      const patch = await strategy.authorize(use, settings);
      const credential = await taken(settings);
      expect(await issuer.isGood(credential.tokens.refreshToken!)).toBe(true);
      const report = await oauth2.revocation.revokeAll([credential]);
      expect(report).toEqual([{ serverId: 'crm', issuer: issuer.issuer, outcome: 'revoked' }]);
      expect(isTaken(patch)).toBe(false);
      expect(await issuer.isGood(credential.tokens.refreshToken!)).toBe(false);
    },
  );

  it('is told as failed when there is no time left, and nobody is asked', async () => {
    const key = {
      tenantId: use.member.tenantId,
      serverId: use.member.serverId,
      kind: 'token',
      issuer: 'i',
      fingerprint: 'f',
    } as const;
    const client = { id: 'post', authentication: 'client_secret_post', secret: issuer.secret };
    const contact = {
      issuer: issuer.issuer,
      tokenEndpoint: `${issuer.issuer}/token`,
      revocationEndpoint: `${issuer.issuer}/token/revocation`,
      client,
    };
    const report = await oauth2.revocation.revokeAll([{ key, tokens: { accessToken: 'a', more: { contact } } }], 0);
    expect(report).toMatchObject([{ outcome: 'failed', reason: 'there was no time left to ask its issuer' }]);
  });

  it('is told as not revoked where the issuer names no place for it, refuses, or is away', async () => {
    const settings = strategy.settings.parse({ token_url: `${issuer.issuer}/token`, ...clients().post });
    await strategy.authorize(use, settings);
    const here = await taken(settings, `${issuer.issuer}/token`);
    const at = (revocationEndpoint: string, secret = issuer.secret) => {
      const client = { id: 'post', authentication: 'client_secret_post', secret };
      const contact = { issuer: issuer.issuer, tokenEndpoint: `${issuer.issuer}/token`, revocationEndpoint, client };
      return { key: here.key, tokens: { ...here.tokens, more: { contact } } };
    };
    const report = await oauth2.revocation.revokeAll([
      here,
      { key: here.key },
      at(`${issuer.issuer}/token/revocation`, 'wrong'),
      at('http://127.0.0.1:1/revoke'),
      { key: { ...here.key, kind: 'client' }, tokens: here.tokens },
    ]);
    expect(report.map(({ outcome, reason }) => `${outcome}: ${reason}`).sort()).toEqual([
      'failed: access_token: invalid_client',
      'failed: access_token: unreachable',
      'failed: the stored credential cannot be opened',
      'not_revocable: its issuer names no place to revoke it',
    ]);
  });
});
