import type { JsonObject } from '#kernel';
import { ClientRefusedError, GrantRefusedError, type TokenKey, type TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import type { CredentialUse } from '../../credential-use.js';
import type { RequestPatch } from '../../auth-strategy.js';
import { type TokenKeyParts, TokenKeys } from '../../token-keys.js';
import { BoundRequests } from './bound-requests.js';
import { GrantRequests } from './grant-requests.js';
import { grantOf } from './grant-types.js';
import { IssuerClients } from './issuer-clients.js';
import { type IssuerContact, contactFrom, contactOf } from './issuer-contact.js';
import { type IssuerFacts, isTold } from './issuer-facts.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { newProofKey, proofKeyOf } from './proof-key.js';
import { type ProofWish, TokenEndpoint, renewalDeadline } from './token-endpoint.js';

/** Tokens as they are asked for, named and kept. */
@Injectable()
export class Oauth2Tokens {
  constructor(
    private readonly endpoint: TokenEndpoint,
    private readonly clients: IssuerClients,
    private readonly keys: TokenKeys,
    private readonly requests: GrantRequests,
    private readonly bound: BoundRequests,
  ) {}

  /** @throws PrincipalMissingError */
  async keyFor(
    use: CredentialUse,
    settings: Oauth2Settings,
    { issuer }: Pick<IssuerFacts, 'issuer'>,
  ): Promise<TokenKey> {
    return this.keys.of(use, partsOf(use, settings, issuer));
  }

  /** Of tokens, and of the registration that they may have been had with. */
  async fingerprints(use: CredentialUse, settings: Oauth2Settings): Promise<readonly string[]> {
    return Promise.all([this.keys.fingerprint(use, partsOf(use, settings, '')), this.clients.fingerprint(use)]);
  }

  /** The same, if it is at hand. */
  peekKey(use: CredentialUse, settings: Oauth2Settings, { issuer }: Pick<IssuerFacts, 'issuer'>): TokenKey | undefined {
    return this.keys.peek(use, partsOf(use, settings, issuer));
  }

  /** The access token as it goes on requests to the member. */
  patchOf(use: CredentialUse, { auth_prefix: scheme }: Oauth2Settings, tokens: TokenSet): RequestPatch {
    return this.bound.patchOf(tokens, { origin: use.endpoint.origin, scheme });
  }

  /** @throws GrantRefusedError, ClientRefusedError, IssuerUnavailableError */
  async renew(
    use: CredentialUse,
    settings: Oauth2Settings,
    { facts, previous }: { readonly facts: IssuerFacts; readonly previous: TokenSet | undefined },
  ): Promise<TokenSet> {
    const told = this.clients.told(settings, facts);
    const kept = contactFrom(previous?.more?.['contact']);
    const client = told ?? kept?.client;
    if (!client) throw new GrantRefusedError('no_client');
    const contact = contactOf(facts, client);
    const { scope, resource } = facts;
    const signal = renewalDeadline();
    const target = { audience: contact.issuer, scope, resource, previous, signal };
    const asked = await this.requests.of(use, settings, target);
    try {
      const had = await this.endpoint.ask(contact, asked, { proof: proofFor(settings, facts, previous), signal });
      return keepable(
        { ...(asked.grant === 'refresh_token' ? inherited(asked.parameters, previous) : {}), ...had },
        contact,
        grantOf(settings) === 'authorization_code' && previous ? requestedOf(previous) : undefined,
      );
    } catch (error) {
      // A client that was registered for this grant is gone with it: both come again by consent.
      const isGone = !told && error instanceof ClientRefusedError && error.reason === 'invalid_client';
      if (!isGone) throw error;
      await this.clients.forget(use, facts.issuer);
      throw new GrantRefusedError(error.reason, error);
    }
  }
}

function partsOf({ endpoint }: CredentialUse, all: Oauth2Settings, issuer: string): TokenKeyParts {
  const { auth_prefix: _onTheWire, ...told } = all;
  // RFC 8707: where the settings do not say what a token is for, it is for the resource that was found at this address.
  const settings = isTold(all) ? told : { ...told, endpoint: endpoint.href };
  return { strategy: 'oauth2', settings, issuer, perPrincipal: told.identity === 'per_user' };
}

/**
 * The proof that goes with a request for tokens, if one does. One key for a grant through all its renewals: the refresh
 * token of a client without a secret is bound to it (RFC 9449, 5).
 */
export function proofFor(
  { dpop }: Pick<Oauth2Settings, 'dpop'>,
  { takesProofs }: Pick<IssuerFacts, 'takesProofs'>,
  previous?: TokenSet,
): ProofWish | undefined {
  const key = (previous && proofKeyOf(previous)) ?? (takesProofs ? newProofKey() : undefined);
  return key && { key, isRequired: dpop === true };
}

/**
 * With what is needed to refresh and to revoke the tokens when the settings are gone, and what was asked for in the
 * consent that they come from, which may be more than was given.
 */
export function keepable(tokens: TokenSet, contact: IssuerContact, requested?: string): TokenSet {
  const more = { ...tokens.more, contact: JSON.parse(JSON.stringify(contact)) as JsonObject };
  return { ...tokens, more: requested === undefined ? more : { ...more, requested } };
}

/** What was asked for in the consent that these tokens come from; what they have, if that is not known. */
export function requestedOf({ more, scope }: TokenSet): string | undefined {
  const requested = more?.['requested'];
  return typeof requested === 'string' ? requested : scope;
}

/** RFC 6749, 6: what the issuer leaves out stays as it was. */
function inherited(parameters: Readonly<Record<string, string>>, previous: TokenSet | undefined): Partial<TokenSet> {
  const { refresh_token: refreshToken } = parameters;
  return {
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(previous?.scope === undefined ? {} : { scope: previous.scope }),
  };
}
