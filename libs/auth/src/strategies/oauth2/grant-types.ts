import type { Oauth2Settings } from './oauth2-settings.js';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The short names of RFC 8693 and RFC 7523 mean the same as the long ones. */
export const GRANTS = {
  client_credentials: 'client_credentials',
  refresh_token: 'refresh_token',
  authorization_code: 'authorization_code',
  'token-exchange': TOKEN_EXCHANGE,
  token_exchange: TOKEN_EXCHANGE,
  [TOKEN_EXCHANGE]: TOKEN_EXCHANGE,
  'jwt-bearer': JWT_BEARER,
  jwt_bearer: JWT_BEARER,
  [JWT_BEARER]: JWT_BEARER,
} as const;
export type Grant = (typeof GRANTS)[keyof typeof GRANTS];
export type GrantName = keyof typeof GRANTS;

type Chosen = Pick<
  Oauth2Settings,
  'grant_type' | 'refresh_token' | 'authorization_url' | 'token_url' | 'client_secret' | 'private_key' | 'identity'
>;

/**
 * The grant that is meant where none is named: what there is a credential for, and if there is none at all, or every
 * person has one, consent.
 */
export function grantOf(settings: Chosen): Grant {
  const { grant_type, refresh_token, authorization_url, token_url, client_secret, private_key, identity } = settings;
  if (grant_type !== undefined) return GRANTS[grant_type];
  if (refresh_token !== undefined) return 'refresh_token';
  if (authorization_url !== undefined || identity === 'per_user') return 'authorization_code';
  const hasClient = token_url !== undefined || client_secret !== undefined || private_key !== undefined;
  return hasClient ? 'client_credentials' : 'authorization_code';
}

/** Whether the assertion of `jwt-bearer` comes from an identity provider. */
export function hasProvider(settings: Pick<Oauth2Settings, 'idp_issuer_url' | 'idp_token_url'>): boolean {
  return settings.idp_issuer_url !== undefined || settings.idp_token_url !== undefined;
}

/** The issuer that the settings name, in the spelling that they use: identifiers are compared as they stand. */
export function namedIssuer({ issuer, issuer_url }: Pick<Oauth2Settings, 'issuer' | 'issuer_url'>): string | undefined {
  return issuer_url ?? issuer;
}
