import type { Principal } from '#tenancy';

/** Who a credential is, and what it was issued for. */
export interface Verified {
  readonly principal: Principal;
  /** The resources it is for (RFC 8707); absent: everything of its tenant, as with API keys. */
  readonly audiences?: readonly string[];
}

/** What of the request a verifier may know besides. None of it says who calls. */
export interface PresentedAt {
  /** The tenant that the path names: where an issuer has to be asked, it is one of this tenant. */
  readonly tenantSlug?: string;
}

/**
 * Knows one kind of credential. To add one: write its class, and its line in `verifiers/index.ts`. A verifier
 * remembers no verdict; `CallerIdentity` does.
 */
export interface CredentialVerifier {
  /** By form alone, without I/O. At most one verifier takes a credential; the first one that does is asked. */
  takes(presented: string): boolean;
  /**
   * @returns undefined if it is not valid, whatever is wrong with it
   * @throws only when there is no verdict, because the database or an issuer is away
   */
  verify(presented: string, at: PresentedAt): Promise<Verified | undefined>;
}

/** Injection token of every verifier, in the order of being asked. */
export const CREDENTIAL_VERIFIERS = Symbol('credential verifiers');

/** Whether what was issued for `audiences` may be used for the request with this `url`. */
export type AudienceRule = (verified: Verified, url: string) => boolean;

export const AUDIENCE_RULE = Symbol('audience rule');
