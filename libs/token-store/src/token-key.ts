import { hash } from 'node:crypto';
import type { JsonObject, MemberRef, PrincipalId } from '#kernel';

/**
 * Names one stored credential. Every part counts: what was given to one tenant, server, principal, issuer or set of
 * settings is never found by another one.
 */
export interface TokenKey extends MemberRef {
  /** `client`: how the composer itself is registered at the issuer (RFC 7591). `token`: everything else. */
  readonly kind: 'token' | 'client';
  /** Whose consent it is; absent for one that everybody of the tenant shares. */
  readonly principalId?: PrincipalId;
  /** The issuer's identifier, or the address that the credential is had from where the issuer has no name. */
  readonly issuer: string;
  /** Keyed digest of the strategy, its settings and the origin that the credential is for. */
  readonly fingerprint: string;
}

/** What an issuer has given. Never leaves the process in clear. */
export interface TokenSet {
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly scope?: string;
  /** Seconds that it lives from when it was received (RFC 6749, 5.1); absent if the issuer does not say. */
  readonly expiresInSeconds?: number;
  /** Names what a person has connected, through all its renewals; absent for what is had without a person. */
  readonly consent?: string;
  /** What else the strategy needs to go on with: a cookie jar, a client registration. */
  readonly more?: JsonObject;
}

/** A credential that is worth sending. */
export interface LiveToken {
  readonly tokens: TokenSet;
  /** Counts the renewals; names this one among those of its key. */
  readonly generation: number;
  /** In milliseconds since the epoch, by the clock of this process; absent if it is not known. */
  readonly expiresAt?: number;
}

/**
 * `live`: usable. `refreshing`: one process is renewing it, or the first one is yet to be had. `reauth_required`: the issuer does not take the grant any
 * more, a person has to consent again. `config_error`: the issuer does not take the composer's own client, or the
 * settings. `held`: renewals have used up what they may, see `retryAt`.
 */
export type CredentialState = 'live' | 'refreshing' | 'reauth_required' | 'config_error' | 'held';

/** How one stored credential stands, as everybody who may see the server may see it. No secret. */
export interface CredentialStanding {
  readonly key: TokenKey;
  readonly state: CredentialState;
  readonly generation: number;
  readonly expiresAt?: Date;
  /** Not before then will the next renewal be tried. */
  readonly retryAt?: Date;
  /** Code of the last failure (RFC 6749, 5.2, the issuer's own, or ours), beside the state; never the issuer's text. */
  readonly lastError?: string;
  /** By the clock of the store, which may be another one than that of this process. */
  readonly updatedAt: Date;
  /** How long ago that was, in milliseconds. */
  readonly ageMs: number;
}

/** Names a credential within its tenant; 43 characters of base64url. Tells nothing of the key, and no two share it. */
export function credentialId({ kind, serverId, principalId, issuer, fingerprint }: TokenKey): string {
  return hash('sha256', JSON.stringify([kind, serverId, principalId ?? null, issuer, fingerprint]), 'base64url');
}

/** Names a credential among those of all tenants, for maps of one process. */
export const credentialPlace = (key: TokenKey): string => `${key.tenantId}/${credentialId(key)}`;
