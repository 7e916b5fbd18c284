import type { PrincipalId } from '#kernel';

export const SIGN_IN = 'SignIn';

/** How a person came in: kept beside the grant or the session that rests on it, under the same name. */
export interface SignInRecord {
  readonly principalId: PrincipalId;
  /** The entry of the issuer, by its id here. */
  readonly issuerId: string;
  /** What the identity provider said in the claim for roles. */
  readonly roleValues: readonly string[];
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** How somebody came in who has shown an API key in the browser: what the key may, and no longer than it. */
export interface KeySignInRecord {
  readonly principalId: PrincipalId;
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** When the session ends at the latest, in milliseconds since the epoch. */
  readonly until: number;
}
