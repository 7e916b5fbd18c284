import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SmallIssuer, type StrategyParts, oauth2Parts, openStrategyParts } from '#auth/testing';
import { serverId, tenantId } from '#kernel';
import { ConnectLinks } from '../../consent/connect-links.js';
import type { CredentialUse } from '../../credential-use.js';
import { IdentityProvider } from './identity-provider.js';
import type { IssuerFinder } from './issuer-finder.js';
import { Oauth2Strategy } from './oauth2.strategy.js';

const TYPE = 'urn:ietf:params:oauth:token-type';
const GRANT = 'urn:ietf:params:oauth:grant-type';
const ASSERTION = 'assertion.of-an.identity-provider';

describe('an assertion of an identity provider', () => {
  let provider: SmallIssuer;
  let issuer: SmallIssuer;
  let parts: StrategyParts;
  let strategy: Oauth2Strategy;
  let use: CredentialUse;

  beforeEach(async () => {
    [provider, issuer] = await Promise.all([SmallIssuer.start(), SmallIssuer.start()]);
    parts = await openStrategyParts(() => ({}));
    const { finder, tokens, listen } = oauth2Parts(parts);
    strategy = new Oauth2Strategy(parts.keeper, finder, tokens, new ConnectLinks(listen), parts.wishes);
    use = { member: { tenantId: tenantId('acme'), serverId: serverId('crm') }, endpoint: new URL(`${issuer.url}/mcp`) };
    issuer.resourceMetadata = {
      resource: use.endpoint.href,
      authorization_servers: [issuer.url],
      scopes_supported: ['read'],
    };
    gives({});
  });
  afterEach(() => Promise.all([provider.close(), issuer.close(), parts.close()]));

  const gives = (more: object) =>
    provider.answers.set('/token', {
      body: { access_token: ASSERTION, issued_token_type: `${TYPE}:id-jag`, token_type: 'N_A', ...more },
    });
  const authorize = (more: object = {}) =>
    strategy.authorize(
      use,
      strategy.settings.parse({
        grant_type: 'jwt-bearer',
        client_id: 'at-the-member',
        client_secret: 'secret-for-the-member',
        client_authentication: 'client_secret_post',
        idp_issuer_url: provider.url,
        idp_client_id: 'at-the-provider',
        idp_client_secret: 'secret-for-the-provider',
        subject_token: 'the.id.token',
        ...more,
      }),
    );
  const formOf = (of: SmallIssuer) => Object.fromEntries(of.tokenForms.at(-1)!);

  it('is asked for at the provider, for the member’s authorization server, and exchanged there', async () => {
    expect((await authorize()).headers).toEqual({ authorization: `Bearer token-of-${issuer.url}` });
    const basic = provider.tokenForms.at(-1)!.get('client_secret');
    expect(basic).toBeNull(); // it stands in the header, as the metadata has it
    expect(formOf(provider)).toEqual({
      grant_type: `${GRANT}:token-exchange`,
      requested_token_type: `${TYPE}:id-jag`,
      subject_token: 'the.id.token',
      subject_token_type: `${TYPE}:id_token`,
      audience: issuer.url,
      resource: use.endpoint.href,
      scope: 'read',
    });
    expect(formOf(issuer)).toEqual({
      grant_type: `${GRANT}:jwt-bearer`,
      assertion: ASSERTION,
      client_id: 'at-the-member',
      client_secret: 'secret-for-the-member',
      resource: use.endpoint.href,
      scope: 'read',
    });
    expect(parts.secrets.mask(`not ${ASSERTION}`)).toBe('not [secret]');
  });

  it('is asked for anew with each token, at an address that the settings tell, by another kind of subject', async () => {
    const settings = {
      idp_issuer_url: undefined,
      idp_token_url: `${provider.url}/token`,
      subject_token_type: 'refresh_token',
      idp_client_secret: undefined,
    };
    await authorize(settings);
    expect(provider.asked).toEqual(['POST /token']);
    expect(formOf(provider)).toMatchObject({
      client_id: 'at-the-provider',
      subject_token_type: `${TYPE}:refresh_token`,
    });
    gives({ access_token: 'the.next.assertion' });
    parts.clock.time += 120_000;
    await authorize(settings);
    expect(formOf(issuer)).toMatchObject({ assertion: 'the.next.assertion' });
    expect(parts.secrets.mask(`${ASSERTION} the.next.assertion`)).toBe(`${ASSERTION} [secret]`);
  });

  it('is nothing else: a token of the provider goes to nobody', async () => {
    gives({ issued_token_type: `${TYPE}:access_token`, token_type: 'Bearer' });
    await expect(authorize()).rejects.toMatchObject({ code: 'COMPOSER_CLIENT_REFUSED', reason: 'issued_token_type' });
    expect(issuer.told).toEqual([]);
  });

  it('is not had where the provider says no, or is away; the settings are kept', async () => {
    provider.answers.set('/token', { status: 400, body: { error: 'invalid_grant' } });
    await expect(authorize()).rejects.toMatchObject({ code: 'COMPOSER_CLIENT_REFUSED', reason: 'invalid_grant' });
    provider.answers.set('/token', { status: 503 });
    await expect(authorize({ scope: 'x' })).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
    expect(issuer.told).toEqual([]);
  });

  it('is not waited for longer than a renewal may take, if its provider cannot be found', async () => {
    const settings = strategy.settings.parse({
      grant_type: 'jwt-bearer',
      idp_issuer_url: 'http://127.0.0.1:9',
      subject_token: 's',
    });
    const late = { find: () => new Promise<never>(() => undefined) } as unknown as IssuerFinder;
    const never = undefined as never;
    const slow = new IdentityProvider(never, late, never, never);
    const wish = { audience: issuer.url, signal: AbortSignal.timeout(1) };
    await expect(slow.assertionFor(use, settings, wish)).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
  });
});
