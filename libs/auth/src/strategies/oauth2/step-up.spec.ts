import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SmallIssuer, type StrategyParts, oauth2Parts, openStrategyParts } from '#auth/testing';
import { principalId, serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import type { RequestPatch } from '../../auth-strategy.js';
import { ConnectLinks } from '../../consent/connect-links.js';
import type { AnswerSign, CredentialUse } from '../../credential-use.js';
import { Oauth2Strategy } from './oauth2.strategy.js';

const REDIRECT = 'https://composer.example/connect/callback';
const refusal = (scope: string): AnswerSign => ({
  status: 403,
  contentType: '',
  challenge: `Bearer error="insufficient_scope", scope="${scope}"`,
});

describe('a member that wants a wider scope', () => {
  let issuer: SmallIssuer;
  let parts: StrategyParts;
  let oauth2: ReturnType<typeof oauth2Parts>;
  let strategy: Oauth2Strategy;
  let use: CredentialUse;

  beforeEach(async () => {
    issuer = await SmallIssuer.start();
    parts = await openStrategyParts(() => ({}));
    oauth2 = oauth2Parts(parts, { publicUrl: 'https://composer.example' });
    const { finder, tokens, listen } = oauth2;
    strategy = new Oauth2Strategy(parts.keeper, finder, tokens, new ConnectLinks(listen), parts.wishes);
    use = { member: { tenantId: tenantId('acme'), serverId: serverId('crm') }, endpoint: new URL(`${issuer.url}/mcp`) };
  });
  afterEach(() => Promise.all([issuer.close(), parts.close()]));

  const settingsOf = (more: object = {}) =>
    strategy.settings.parse({
      grant_type: 'authorization_code',
      client_id: 'app',
      issuer_url: issuer.url,
      scope: 'read',
      ...more,
    });
  type Settings = ReturnType<typeof settingsOf>;
  /** A person agrees. Gives the scope that was asked for. */
  const connect = async (settings: Settings, of = use) => {
    const { authorizationUrl, kept } = await oauth2.consent.begin(of, settings, { redirectUri: REDIRECT, state: 's' });
    const callbackParams = new URLSearchParams({ code: 'c', state: 's', iss: issuer.url });
    await oauth2.consent.finish(of, settings, { kept, callbackParams, by: SYSTEM });
    return new URL(authorizationUrl).searchParams.get('scope');
  };
  const refused = (settings: Settings, patch: RequestPatch, scope: string) => refusedOf(use)(settings, patch, scope);
  const refusedOf = (of: CredentialUse) => (settings: Settings, patch: RequestPatch, scope: string) =>
    strategy.renew(of, settings, { ...patch, answer: refusal(scope) });
  /** What the link of the error asks for, as the page opens it. */
  const wishOf = async (
    settings: Settings,
    { patch, scope, of = use }: { patch: RequestPatch; scope: string; of?: CredentialUse },
  ) => {
    const error = await refusedOf(of)(settings, patch, scope).then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; url: string },
    );
    expect(error).toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
    const url = new URL(error!.url);
    expect(url.href).not.toContain(scope);
    const principal = of.principalId === undefined ? {} : { principalId: of.principalId };
    return parts.wishes.open(url.searchParams.get('more')!, { ...of.member, tool: of.tool, ...principal });
  };

  it('is given it by a consent that asks for what was had and this; asked again for the same, it is just refused', async () => {
    const settings = settingsOf();
    expect(await connect(settings)).toBe('read');
    const patch = await strategy.authorize(use, settings);
    expect(strategy.refuses(refusal('write'), settings)).toBe(true);
    const scope = await wishOf(settings, { patch, scope: 'write' });
    expect(scope).toBe('read write');
    expect(await oauth2.consent.describe({ ...use, scope: scope! }, settings)).toMatchObject({
      scopes: ['read', 'write'],
    });

    expect(await connect(settings, { ...use, scope: scope! })).toBe('read write');
    const wider = await strategy.authorize(use, settings);
    expect(wider.generation).toBe(2);
    expect(await refused(settings, wider, 'write')).toBeUndefined();
    expect(await wishOf(settings, { patch: wider, scope: 'admin' })).toBe('read write admin');
    expect(issuer.told.filter((line) => line === 'POST /token')).toHaveLength(2); // nothing was renewed
  });

  it('is not asked twice for what the issuer does not give, also after a refresh', async () => {
    const settings = settingsOf();
    const body = { access_token: 'a', refresh_token: 'r', token_type: 'Bearer', scope: 'read', expires_in: 60 };
    issuer.answers.set('/token', { body });
    await connect(settings, { ...use, scope: 'read write' });
    parts.clock.time += 120_000;
    const patch = await strategy.authorize(use, settings);
    expect(patch.generation).toBe(2);
    expect(await refused(settings, patch, 'write')).toBeUndefined();
  });

  it('gets the credential at hand where somebody has agreed meanwhile', async () => {
    const settings = settingsOf();
    await connect(settings);
    const patch = await strategy.authorize(use, settings);
    await connect(settings, { ...use, scope: 'read write' });
    expect(await refused(settings, patch, 'write')).toMatchObject({ generation: 2 });
  });

  it('asks each person for themselves, and nobody can use the link of another', async () => {
    const settings = settingsOf({ identity: 'per_user' });
    const ann = { ...use, principalId: principalId('ann') };
    await connect(settings, ann);
    const patch = await strategy.authorize(ann, settings);
    expect(await wishOf(settings, { patch, scope: 'write', of: ann })).toBe('read write');
    const link = await refusedOf(ann)(settings, patch, 'write').catch(
      (error: unknown) => (error as { url: string }).url,
    );
    const more = new URL(link as string).searchParams.get('more')!;
    const { member } = use;
    const others = [
      member,
      { ...member, principalId: principalId('bob') },
      { ...member, tool: 'pay', principalId: ann.principalId },
      { ...member, serverId: serverId('erp'), principalId: ann.principalId },
    ];
    for (const other of others) expect(parts.wishes.open(more, other)).toBeUndefined();
    parts.clock.time += 24 * 3_600_000;
    expect(parts.wishes.open(more, { ...member, principalId: ann.principalId })).toBeUndefined();
  });

  it('is merely refused where no person can agree, it does not say what it wants, or it wants too much', async () => {
    const machine = settingsOf({ grant_type: 'client_credentials', client_secret: 's' });
    expect(strategy.refuses(refusal('write'), machine)).toBe(false);
    const settings = settingsOf();
    const vague = { status: 403, contentType: '', challenge: 'Bearer error="insufficient_scope"' };
    expect(strategy.refuses(vague, settings)).toBe(false);
    expect(strategy.refuses({ status: 403, contentType: '' }, settings)).toBe(false);
    expect(strategy.refuses({ status: 401, contentType: '' }, settings)).toBe(true);
    await connect(settings);
    const patch = await strategy.authorize(use, settings);
    const much = Array.from({ length: 300 }, (_, n) => `scope-${n}`).join(' ');
    expect(await refused(settings, patch, much)).toBeUndefined();
  });
});
