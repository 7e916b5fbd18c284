import type { AuditEvent } from '#audit';
import type { CredentialState, TokenKey } from './token-key.js';

/** The right of one process to renew a credential, for a while. */
export interface Claim {
  /** Names the claim among all that ever were; becomes the stamp of the generation that comes of it. */
  readonly id: string;
  /** The process that has it, where others can see whether it lives. */
  readonly owner?: number;
  readonly leaseUntil: number;
}

/**
 * A credential as it is kept: what can be read of it is no secret. All times are milliseconds since the epoch by the
 * clock of the store.
 */
export interface CredentialRecord {
  readonly key: TokenKey;
  /** That it is being renewed is told by its claim. */
  readonly state: Exclude<CredentialState, 'refreshing'>;
  /** Counts what was had of the issuer; 0: nothing yet. */
  readonly generation: number;
  /** Names this generation among all that ever were, also where a credential was removed and is had anew. */
  readonly stamp: string;
  /** The `TokenSet`, sealed for this credential and generation; absent in generation 0. */
  readonly sealed?: string;
  readonly expiresAt?: number;
  /** How long it lives in all, from when it was received. */
  readonly lifetimeMs?: number;
  readonly claim?: Claim;
  /** The last generation that the member has taken. */
  readonly acceptedGeneration: number;
  /** When renewals were forced by refusals of what the member had never taken; those of the last hour. */
  readonly forcedAt: readonly number[];
  /** Until when no renewal can be forced, while `held`. */
  readonly heldUntil?: number;
  /** Failures in a row. */
  readonly attempts: number;
  readonly nextTryAt?: number;
  /** A code, never a text of others. */
  readonly lastError?: string;
  readonly updatedAt: number;
}

/** A look at a credential. */
export interface Sight {
  readonly record: CredentialRecord;
  /** By the clock of the store. */
  readonly now: number;
  /** The process that has the claim seems to have died. Only a hint: its session may have been cut off for a moment. */
  readonly isOwnerGone: boolean;
}

/** A look at a place where there may be no credential yet. */
export type Look = Sight | { readonly record: undefined; readonly now: number };

/** What is to become of a credential. */
export interface Change<T> {
  readonly result: T;
  /** What it is from now on; unchanged if absent. */
  readonly record?: CredentialRecord;
  /** Recorded with the change. */
  readonly events?: readonly AuditEvent[];
  /** Other processes have to know. */
  readonly isNews?: boolean;
}
