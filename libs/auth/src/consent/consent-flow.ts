import type { JsonObject } from '#kernel';
import type { Actor } from '#tenancy';
import type { AuthBlock } from '../auth-adapter.js';
import type { CredentialUse } from '../credential-use.js';

/** What a person is asked to agree to, as far as it is known before anything is sent anywhere. */
export interface ConsentTerms {
  /** The issuer's identifier, or the address that asks people where it has none. */
  readonly issuer: string;
  /** How the composer is known there. */
  readonly clientName: string;
  /** Empty if the issuer decides. */
  readonly scopes: readonly string[];
  /** Host of the page where the person is sent. */
  readonly redirectHost: string;
}

export interface ConsentBegin {
  /** Ours, to be named letter by letter (RFC 6749, 3.1.2.3). */
  readonly redirectUri: string;
  /** Comes back with the answer. */
  readonly state: string;
}

export interface ConsentBegun {
  /** https; what else it may be, and which hosts, the flow has judged. */
  readonly authorizationUrl: string;
  /** What `finish` needs again: issuer, token endpoint, PKCE verifier, nonce, client. Stored sealed. */
  readonly kept: JsonObject;
}

export interface ConsentAnswer {
  readonly kept: JsonObject;
  /** Of the callback, each given once. `state` is the one that `begin` was given. */
  readonly callbackParams: URLSearchParams;
  readonly by: Actor;
}

/** Injection token of every flow on offer. */
export const CONSENT_FLOWS = Symbol('CONSENT_FLOWS');

/**
 * How a strategy gets a grant from a person. Nothing here knows browsers, and nothing is remembered between `begin` and
 * `finish` but `kept`: another process may finish. The settings are those of a checked block.
 */
export interface ConsentFlow {
  /** Whether the credential of this block is given by a person, in this way. */
  isNeededBy(block: AuthBlock): boolean;
  /** May ask the issuer who it is. Rejects with a `ComposerError` if nobody can be asked. */
  describe(use: CredentialUse, settings: unknown): Promise<ConsentTerms>;
  begin(use: CredentialUse, settings: unknown, options: ConsentBegin): Promise<ConsentBegun>;
  /**
   * Checks the answer, `iss` before anything else of it (RFC 9207, 2.4), exchanges the code and stores the grant.
   * Rejects with a `ComposerError` that says why nothing has come of it; for an answer of another issuer, or an error
   * answer, without having sent anything.
   */
  finish(use: CredentialUse, settings: unknown, answer: ConsentAnswer): Promise<void>;
}
