import { randomUUID } from 'node:crypto';
import { Clock } from '#kernel';
import type { TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import type { CredentialUse } from '../../credential-use.js';
import { type GrantRequest, defined, exchangeRequest, refreshRequest } from './grant-request.js';
import { JWT_BEARER, TOKEN_EXCHANGE, grantOf, hasProvider } from './grant-types.js';
import { IdentityProvider } from './identity-provider.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { signingKeyOf } from './private-key.js';

export interface GrantTarget {
  /** Who reads an assertion: the issuer, or its token endpoint where it has no name. */
  readonly audience: string;
  /** What a scope and a resource (RFC 8707) are, where the settings do not say. */
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  /** Of the token that is replaced. */
  readonly previous?: TokenSet | undefined;
  /** Ends everything that the renewal asks. */
  readonly signal: AbortSignal;
}

/** How long an assertion lives; it is used at once. */
const ASSERTION_SECONDS = 300;

/** What is asked of the token endpoint. A grant that people give can only be refreshed; the others are asked for anew. */
@Injectable()
export class GrantRequests {
  constructor(
    private readonly provider: IdentityProvider,
    private readonly clock: Clock,
  ) {}

  /** @throws GrantRefusedError if there is nothing left to ask with, and what the identity provider ends with */
  async of(use: CredentialUse, settings: Oauth2Settings, target: GrantTarget): Promise<GrantRequest> {
    const grant = grantOf(settings);
    const { audience, resource = target.resource } = settings;
    const aimed = { resource, audience };
    const scope = settings.scope ?? target.scope;
    switch (grant) {
      case 'client_credentials':
        return { grant, parameters: defined({ scope, ...aimed }) };
      case 'refresh_token':
        return refreshRequest(target.previous?.refreshToken ?? settings.refresh_token, {
          scope: settings.scope,
          ...aimed,
        });
      case 'authorization_code':
        // RFC 6749, 6: without a scope the new token has the one that was consented to.
        return refreshRequest(target.previous?.refreshToken, aimed);
      case TOKEN_EXCHANGE:
        return exchangeRequest({ ...settings, scope, resource });
      case JWT_BEARER: {
        const assertion = await this.assertion(use, settings, { ...target, scope, resource });
        return { grant, parameters: defined({ assertion, scope, ...aimed }) };
      }
    }
  }

  private async assertion(use: CredentialUse, settings: Oauth2Settings, target: GrantTarget): Promise<string> {
    if (hasProvider(settings)) return this.provider.assertionFor(use, settings, target);
    return settings.assertion ?? signedAssertion(settings, target.audience, this.clock.now());
  }
}

/** RFC 7523, 3. */
async function signedAssertion(settings: Oauth2Settings, audience: string, now: number): Promise<string> {
  const { private_key, private_key_id, private_key_alg, client_id, assertion_claims = {} } = settings;
  const { key, alg, kid } = await signingKeyOf({ private_key: private_key!, private_key_id, private_key_alg });
  const issuer = settings.assertion_issuer ?? client_id!;
  const seconds = Math.floor(now / 1_000);
  return new SignJWT({ ...assertion_claims })
    .setProtectedHeader({ alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setIssuer(issuer)
    .setSubject(settings.assertion_subject ?? issuer)
    .setAudience(settings.assertion_audience ?? audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + ASSERTION_SECONDS)
    .setJti(randomUUID())
    .sign(key);
}
