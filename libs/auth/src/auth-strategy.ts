import type { z } from 'zod';
import type { AnswerSign, CredentialUse } from './credential-use.js';

/** What a credential adds to one outbound request. Applied last: nothing that a caller sends can override it. */
export interface RequestPatch {
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly cookies?: Readonly<Record<string, string>>;
  /** In place of the above, where a credential depends on what is asked: cookies have paths. Cheap, and keeps no state. */
  readonly forRequest?: (request: PatchedRequest) => Pick<RequestPatch, 'headers' | 'query' | 'cookies'>;
  /** Told the `Set-Cookie` fields of the answers to requests that carried the patch. */
  readonly onSetCookie?: (fields: readonly string[], path: string) => void;
  /** Told the `DPoP-Nonce` of the answers to requests that carried the patch (RFC 9449, 8.2). */
  readonly onNonce?: (nonce: string) => void;
  /** When the patch stops being worth sending, in milliseconds since the epoch; absent if it never does. */
  readonly expiresAt?: number;
  /** Names the credential that the patch carries among those that its strategy has given. */
  readonly generation?: number;
  /**
   * Names what a person has connected, through all its renewals: a session that was opened with one account is never used
   * with another. Absent where the settings alone say whose account it is.
   */
  readonly account?: string;
}

/** A patch that was not taken. */
export interface RefusedPatch extends RequestPatch {
  /** How it was refused, where that is known. */
  readonly answer?: AnswerSign;
}

export interface PatchedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
}

/**
 * One way a member server wants to be spoken to. A strategy turns a tenant's settings into a patch for one outbound
 * request and owns nothing else: no sockets, no caches, no logging of secrets.
 */
export interface AuthStrategy<S = unknown> {
  /** The `auth_strategy` value of a server configuration. */
  readonly name: string;
  /** Other spellings that are read as this strategy. */
  readonly aliases?: readonly string[];
  /** The `auth` object: checked at registration and at load. Keys are snake_case; those of addresses end in `_url`, or are `issuer`. */
  readonly settings: z.ZodType<S>;
  /** Setting names that are sealed at rest, write-only in the API and masked wherever text leaves. */
  readonly secrets: readonly string[];
  /** Whether every principal has a credential of its own; the same for all unless given. */
  isPerPrincipal?(settings: S): boolean;
  /** Puts the credential on a request. Throws if there is none: a request never leaves without. */
  authorize(use: CredentialUse, settings: S): Promise<RequestPatch>;
  /**
   * Present only if credentials expire. Given the patch that a member just refused; called once per refusal, never in a
   * loop. `undefined`: there is nothing fresher.
   */
  renew?(use: CredentialUse, settings: S, refused: RefusedPatch): Promise<RequestPatch | undefined>;
  /**
   * Whether an answer says that the credential was not taken, so that nothing was done; 401 alone unless given. Of an HTML
   * page it is asked twice: by its head, and if that says no, with the page.
   */
  refuses?(answer: AnswerSign, settings: S): boolean;
  /** The fingerprints of everything that is stored for these settings (`TokenKeys`); none unless given. */
  fingerprints?(use: CredentialUse, settings: S): Promise<readonly string[]>;
  /** The member has taken this patch for the first time. */
  noteAccepted?(use: CredentialUse, settings: S, patch: RequestPatch): void;
}
