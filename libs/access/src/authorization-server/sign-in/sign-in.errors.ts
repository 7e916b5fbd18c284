import { ComposerError } from '#kernel';

/** Nobody of the tenant can sign in: it has no identity provider, or it cannot be reached. */
export class SignInUnavailableError extends ComposerError {
  constructor(why: string, cause?: unknown) {
    super('COMPOSER_SIGN_IN_UNAVAILABLE', why, { status: 503, retryable: true, cause });
  }
}

/** What came back from the identity provider does not belong to a sign-in that this browser has begun. */
export class SignInBrokenError extends ComposerError {
  constructor(why: string) {
    super('COMPOSER_SIGN_IN_BROKEN', why, { status: 400 });
  }
}

/** The identity provider, or we, do not let this person in. */
export class SignInRefusedError extends ComposerError {
  constructor(why: string, cause?: unknown) {
    super('COMPOSER_SIGN_IN_REFUSED', why, { status: 403, cause });
  }
}
