import { EgressGuard } from '#egress';
import { type JsonObject, parseUrl } from '#kernel';
import { Injectable } from '@nestjs/common';
import { calculatePKCECodeChallenge, randomPKCECodeVerifier } from 'openid-client';
import { ConsentRefusedError } from '../../auth.errors.js';
import { unionOf } from '../../scope-names.js';
import type { CredentialUse } from '../../credential-use.js';
import { CLIENT_NAME } from './client-document.js';
import { type BegunConsent, ClientEnrolment, type ConsentAsk } from './client-enrolment.js';
import type { IssuerClient } from './issuer-client.js';
import { IssuerClients } from './issuer-clients.js';
import { contactOf } from './issuer-contact.js';
import type { IssuerFacts, LocatedFacts } from './issuer-facts.js';
import { IssuerFinder } from './issuer-finder.js';
import type { KeptConsent } from './kept-consent.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { Oauth2Tokens } from './oauth2-tokens.js';

/** What a person is asked, before the browser leaves for the authorization server. */
export interface ConsentQuestion {
  readonly issuer: string;
  readonly clientName: string;
  /** Empty where the authorization server decides. */
  readonly scopes: readonly string[];
  /** Where the browser is sent. */
  readonly redirectHost: string;
}

/** A consent under way: where to send the browser, and what must be kept, sealed, until it comes back. */
export interface StartedConsent {
  readonly authorizationUrl: string;
  readonly kept: JsonObject;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** From a member to the page of its authorization server. */
@Injectable()
export class ConsentStart {
  constructor(
    private readonly finder: IssuerFinder,
    private readonly clients: IssuerClients,
    private readonly enrolment: ClientEnrolment,
    private readonly tokens: Oauth2Tokens,
    private readonly guard: EgressGuard,
  ) {}

  async describe(use: CredentialUse, settings: Oauth2Settings): Promise<ConsentQuestion> {
    const facts = await this.facts(use, settings);
    const scope = scopeOf(use, settings, facts);
    return {
      issuer: facts.issuer,
      clientName: CLIENT_NAME,
      scopes: scope?.split(' ').filter((word) => word !== '') ?? [],
      redirectHost: facts.authorizationEndpoint.host,
    };
  }

  async begin(
    use: CredentialUse,
    settings: Oauth2Settings,
    { redirectUri, state }: Pick<ConsentAsk, 'redirectUri' | 'state'>,
  ): Promise<StartedConsent> {
    const facts = await this.facts(use, settings);
    const resource = settings.resource ?? facts.resource;
    const ask = { redirectUri, state, scope: scopeOf(use, settings, facts), resource };
    const told = this.clients.told(settings, facts);
    const begun = told ? await plainConsent(facts, told, ask) : await this.enrolment.begin(use, facts, ask);
    const { url, client, verifier } = begun;
    if (resource !== undefined) url.searchParams.set('resource', resource);
    if (settings.audience !== undefined) url.searchParams.set('audience', settings.audience);
    const kept: KeptConsent = {
      issuer: facts.issuer,
      isNamed: facts.isNamed,
      namesItself: facts.discovered?.metadata.authorization_response_iss_parameter_supported === true,
      contact: contactOf(facts, client),
      isTold: told !== undefined,
      redirectUri,
      verifier,
      scope: url.searchParams.get('scope'),
      resource: resource ?? null,
      takesProofs: facts.takesProofs,
      fingerprint: (await this.tokens.keyFor(use, settings, facts)).fingerprint,
      principal: use.principalId ?? null,
    };
    return { authorizationUrl: url.href, kept: JSON.parse(JSON.stringify(kept)) as JsonObject };
  }

  private async facts(use: CredentialUse, settings: Oauth2Settings): Promise<LocatedFacts> {
    const { authorizationEndpoint, ...facts } = await this.finder.find(use, settings, 'consent');
    const url = parseUrl(authorizationEndpoint ?? '');
    if (!url) throw new ConsentRefusedError('its authorization server has no page for people');
    // RFC 9700, 2.1.1: without PKCE a stolen code is a stolen grant. A server that takes `plain` alone has none.
    const methods = facts.discovered?.metadata.code_challenge_methods_supported;
    if (facts.discovered && !methods?.includes('S256')) {
      throw new ConsentRefusedError('its authorization server does not offer PKCE with S256');
    }
    if (url.protocol !== 'https:') this.mustBeNear(url);
    return { ...facts, authorizationEndpoint: url };
  }

  /** A browser goes there, past every guard: plain http is for this machine, where the operator lets it be called at all. */
  private mustBeNear(url: URL): void {
    if (url.protocol !== 'http:' || !LOOPBACK.test(url.hostname)) {
      throw new ConsentRefusedError('its authorization page is not https');
    }
    this.guard.judge(url);
  }
}

/** Where somebody has entered the client, nothing is left to find out. */
async function plainConsent(facts: LocatedFacts, client: IssuerClient, ask: ConsentAsk): Promise<BegunConsent> {
  const verifier = randomPKCECodeVerifier();
  const url = new URL(facts.authorizationEndpoint);
  const { redirectUri, state, scope } = ask;
  const parameters = {
    response_type: 'code',
    client_id: client.id!,
    redirect_uri: redirectUri,
    state,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(scope === undefined ? {} : { scope }),
    // OpenID Connect Core, 11: it is not granted without.
    ...(scope?.split(' ').includes('offline_access') ? { prompt: 'consent' } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url, client, verifier };
}

/** With `offline_access` where the server knows it, as the SDK does: consent is not to be asked for every hour. */
function scopeOf(
  { scope: wanted }: CredentialUse,
  settings: Oauth2Settings,
  { scope: found, discovered }: Pick<IssuerFacts, 'scope' | 'discovered'>,
) {
  const told = settings.scope ?? found;
  const scope = wanted === undefined ? told : unionOf(told, wanted);
  if (scope === undefined || scope.split(' ').includes('offline_access')) return scope;
  const isKnown = discovered?.metadata.scopes_supported?.includes('offline_access');
  return isKnown ? `${scope} offline_access` : scope;
}
