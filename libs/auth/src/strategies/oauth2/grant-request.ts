import { randomUUID } from 'node:crypto';
import { GrantRefusedError, type TokenSet } from '#token-store';
import { SignJWT } from 'jose';
import { JWT_BEARER, TOKEN_EXCHANGE, grantOf } from './grant-types.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { signingKeyOf } from './private-key.js';
import { tokenTypeUri } from './token-types.js';

export interface GrantRequest {
  /** The `grant_type` on the wire. */
  readonly grant: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface GrantTarget {
  /** Who reads a signed assertion: the issuer, or its token endpoint where it has no name. */
  readonly audience: string;
  /** What a scope and a resource (RFC 8707) are, where the settings do not say. */
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  /** Of the token that is replaced. */
  readonly previous?: TokenSet | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How long an assertion lives; it is used at once. */
const ASSERTION_SECONDS = 300;

/**
 * What is asked of the token endpoint. A grant that people give can only be refreshed here; the others are asked for anew.
 * @throws GrantRefusedError if there is nothing left to ask with
 */
export async function grantRequest(settings: Oauth2Settings, target: GrantTarget): Promise<GrantRequest> {
  const grant = grantOf(settings);
  const { audience, resource = target.resource } = settings;
  const aimed = defined({ resource, audience });
  const scope = settings.scope ?? target.scope;
  switch (grant) {
    case 'client_credentials':
      return { grant, parameters: defined({ scope, ...aimed }) };
    case 'refresh_token':
      return refreshWith(target.previous?.refreshToken ?? settings.refresh_token, { scope: settings.scope, ...aimed });
    case 'authorization_code':
      // RFC 6749, 6: without a scope the new token has the one that was consented to.
      return refreshWith(target.previous?.refreshToken, aimed);
    case TOKEN_EXCHANGE:
      return { grant, parameters: defined({ scope, ...aimed, ...exchangeParameters(settings) }) };
    case JWT_BEARER: {
      const assertion = settings.assertion ?? (await signedAssertion(settings, target));
      return { grant, parameters: defined({ assertion, scope, ...aimed }) };
    }
  }
}

function refreshWith(refresh_token: string | undefined, more: Record<string, string | undefined>): GrantRequest {
  if (refresh_token === undefined) throw new GrantRefusedError('no_refresh_token');
  return { grant: 'refresh_token', parameters: defined({ refresh_token, ...more }) };
}

/** RFC 8693, 2.1. */
function exchangeParameters(settings: Oauth2Settings): Record<string, string | undefined> {
  const { subject_token, subject_token_type = 'access_token', actor_token, requested_token_type } = settings;
  const actorType = actor_token === undefined ? undefined : (settings.actor_token_type ?? 'access_token');
  return {
    subject_token,
    subject_token_type: tokenTypeUri(subject_token_type),
    actor_token,
    actor_token_type: actorType === undefined ? undefined : tokenTypeUri(actorType),
    requested_token_type: requested_token_type === undefined ? undefined : tokenTypeUri(requested_token_type),
  };
}

/** RFC 7523, 3. */
async function signedAssertion(settings: Oauth2Settings, { audience, now }: GrantTarget): Promise<string> {
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

function defined(parameters: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
