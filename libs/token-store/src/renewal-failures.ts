import { ComposerError } from '#kernel';
import { type Failure, ROTATION_LOST } from './credential-rules.js';
import type { CredentialRecord } from './credential-record.js';
import { isBarred } from './renewal-limits.js';
import { ClientRefusedError, GrantRefusedError, IssuerUnavailableError } from './token-store.errors.js';

/**
 * RFC 6749, 5.2, our own, and those of issuers such as `BXNIM0415E`: letters and digits, and too short for a key or a token
 * that an issuer may echo. Nothing else that it makes up gets into the database or into a log.
 */
const CODE = /^([a-z][a-z0-9_]{0,63}|[A-Za-z0-9][A-Za-z0-9_.-]{0,31})$/;

/** What a renewal that ended with `error` says about the credential. */
export function failureOf(error: unknown, { isLost, isSpent }: { isLost: boolean; isSpent: boolean }): Failure {
  if (error instanceof GrantRefusedError) {
    return { kind: 'grant', code: isLost ? ROTATION_LOST : codeOf(error.reason, 'invalid_grant'), isSpent };
  }
  if (error instanceof ClientRefusedError) return { kind: 'client', code: codeOf(error.reason, 'invalid_client') };
  if (error instanceof IssuerUnavailableError || !isOurs(error)) {
    const { reason, retryAfter } = error as Partial<IssuerUnavailableError>;
    const retryAfterMs = retryAfter === undefined ? {} : { retryAfterMs: retryAfter * 1000 };
    return { kind: 'issuer', code: codeOf(reason, 'unavailable'), ...retryAfterMs };
  }
  return { kind: 'unsent', code: 'unsent' };
}

/** What a caller is told of a credential that is not to be renewed at the moment; undefined: it may be. */
export function refusalOf(record: CredentialRecord, now: number): ComposerError | undefined {
  if (!isBarred(record, now)) return undefined;
  const { state, nextTryAt = now, lastError } = record;
  if (state === 'reauth_required') return new GrantRefusedError(lastError ?? 'invalid_grant');
  if (state === 'config_error') return new ClientRefusedError(lastError ?? 'invalid_client');
  const retryAfter = Math.ceil((nextTryAt - now) / 1000);
  return new IssuerUnavailableError(lastError ?? 'unavailable', { retryAfter });
}

/** What a caller may be told of a failure. */
export function tellable(error: unknown): ComposerError {
  return error instanceof ComposerError ? error : new IssuerUnavailableError('unavailable', { cause: error });
}

/** A failure with a code of ours that a person or the caller can mend: the issuer had no part in it. */
const isOurs = (error: unknown): boolean => error instanceof ComposerError && error.status < 500;

const codeOf = (reason: unknown, otherwise: string): string =>
  typeof reason === 'string' && CODE.test(reason) ? reason : otherwise;
