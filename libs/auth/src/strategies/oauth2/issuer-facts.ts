import type { AuthorizationServerMetadata, OAuthProtectedResourceMetadata } from '@modelcontextprotocol/client';
import { IssuerUntrustedError } from '../../auth.errors.js';
import { grantOf, namedIssuer } from './grant-types.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { PROOF_ALGORITHM } from './proof-key.js';

/** What was read at an issuer, and at the member that led there. */
export interface Discovered {
  readonly issuer: string;
  readonly metadata: AuthorizationServerMetadata;
  readonly resourceMetadata?: OAuthProtectedResourceMetadata;
  readonly resourceMetadataUrl?: string;
  /** Of the member's challenge. */
  readonly scope?: string;
  /** The member's challenge is for tokens that are bound to a key (RFC 9449, 7.1). */
  readonly asksProofs?: boolean;
}

/** All that the strategy knows about where its credentials come from. */
export interface IssuerFacts {
  /** Its identifier, or the address of its token endpoint where it has none. */
  readonly issuer: string;
  /** `issuer` is an identifier, which its answers can be compared with (RFC 9207). */
  readonly isNamed: boolean;
  readonly tokenEndpoint: string;
  readonly authorizationEndpoint?: string;
  readonly revocationEndpoint?: string;
  /** RFC 8707: what the member calls itself. */
  readonly resource?: string;
  /** What to ask for where the settings do not say: that of the challenge, or else all that the member knows. */
  readonly scope?: string;
  /** Tokens are to be bound to a key (RFC 9449). */
  readonly takesProofs: boolean;
  /** Absent where the settings tell everything. */
  readonly discovered?: Discovered;
}

/** Of an issuer that has a page for people. */
export type LocatedFacts = Omit<IssuerFacts, 'authorizationEndpoint'> & { readonly authorizationEndpoint: URL };

/** Whether the settings tell all that their grant needs: then nobody is asked. */
export function isTold(settings: Oauth2Settings): boolean {
  if (settings.token_url === undefined) return false;
  if (grantOf(settings) !== 'authorization_code') return true;
  return settings.authorization_url !== undefined && namedIssuer(settings) === undefined;
}

export function toldFacts(settings: Oauth2Settings): IssuerFacts {
  const { token_url = '', authorization_url, revocation_url } = settings;
  const named = namedIssuer(settings);
  return {
    issuer: named ?? withoutQuery(token_url),
    isNamed: named !== undefined,
    tokenEndpoint: token_url,
    takesProofs: settings.dpop === true,
    ...(authorization_url === undefined ? {} : { authorizationEndpoint: authorization_url }),
    ...(revocation_url === undefined ? {} : { revocationEndpoint: revocation_url }),
  };
}

/** What was discovered, with what the settings say in front of it. */
export function discoveredFacts(settings: Oauth2Settings, discovered: Discovered): IssuerFacts {
  const { metadata, resourceMetadata, issuer } = discovered;
  const tokenEndpoint = settings.token_url ?? metadata.token_endpoint;
  if (typeof tokenEndpoint !== 'string') throw new IssuerUntrustedError('its metadata names no token endpoint');
  const authorizationEndpoint = settings.authorization_url ?? metadata.authorization_endpoint;
  const { revocation_endpoint } = metadata as { readonly revocation_endpoint?: unknown };
  const revocationEndpoint = settings.revocation_url ?? revocation_endpoint;
  const scope = discovered.scope ?? resourceMetadata?.scopes_supported?.join(' ');
  return {
    issuer,
    isNamed: true,
    tokenEndpoint,
    takesProofs: settings.dpop ?? takesProofs(discovered),
    ...(typeof authorizationEndpoint === 'string' ? { authorizationEndpoint } : {}),
    ...(typeof revocationEndpoint === 'string' ? { revocationEndpoint } : {}),
    ...(resourceMetadata === undefined ? {} : { resource: resourceMetadata.resource }),
    ...(scope ? { scope } : {}),
    discovered,
  };
}

/**
 * Both have to say so: an authorization server that can bind tokens says nothing of the members behind it, and one that
 * takes tokens as `Bearer` alone does not take them with a proof.
 */
function takesProofs({ metadata, resourceMetadata, asksProofs }: Discovered): boolean {
  const { dpop_signing_alg_values_supported: known, dpop_bound_access_tokens_required: mustBe } = {
    ...resourceMetadata,
  };
  const isWanted = asksProofs === true || mustBe === true || lists(known);
  const { dpop_signing_alg_values_supported: offered } = metadata as { dpop_signing_alg_values_supported?: unknown };
  return isWanted && lists(offered);
}

const lists = (algorithms: unknown): boolean => Array.isArray(algorithms) && algorithms.includes(PROOF_ALGORITHM);

/** It is shown to people, and a query may hold what is not for them; the settings tell one address from another. */
function withoutQuery(address: string): string {
  return address.split('?')[0]!;
}
