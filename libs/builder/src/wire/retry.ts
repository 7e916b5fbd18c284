import { EgressTimeoutError, EgressUnreachableError } from '#egress';
import type { ComposerError } from '#kernel';
import type { MemberOutcome } from '../member.js';

const BASE_MS = 50;

/** Whether certainly nothing of a request has left, so that sending it again cannot repeat an effect. */
export function wasNeverSent(error: ComposerError, isUnsent: boolean): boolean {
  if (error instanceof EgressUnreachableError || error instanceof EgressTimeoutError)
    return isUnsent || error.beforeSent;
  // What says when it may go better goes no better in a moment.
  return isUnsent && error.retryable && error.retryAfter === undefined;
}

/** Milliseconds before the next try: doubling, with jitter, so that many callers do not come back together. */
export function retryDelay(tries: number): number {
  return BASE_MS * 2 ** tries * (0.5 + Math.random() / 2);
}

/** A working credential is wanting, and neither waiting nor the member itself can change that. */
const NEEDS_CREDENTIAL: ReadonlySet<string> = new Set([
  'COMPOSER_MEMBER_REFUSED',
  'COMPOSER_CONSENT_REQUIRED',
  'COMPOSER_PRINCIPAL_MISSING',
  'COMPOSER_GRANT_REFUSED',
  'COMPOSER_CLIENT_REFUSED',
  'COMPOSER_CREDENTIAL_HELD',
]);

/** What a failure says about the member. */
export function outcomeOf(error: ComposerError): MemberOutcome {
  if (NEEDS_CREDENTIAL.has(error.code)) return 'auth_required';
  if (error instanceof EgressTimeoutError || error.code === 'COMPOSER_MEMBER_TIMEOUT') return 'timeout';
  return error instanceof EgressUnreachableError ? 'unreachable' : 'error';
}
