import { ComposerError } from '#kernel';

/** The form, or the answer of the issuer, does not belong to what this browser was asked. */
export class ConsentBrokenError extends ComposerError {
  constructor(why: string, cause?: unknown) {
    super('COMPOSER_CONSENT_BROKEN', why, { status: 400, cause });
  }
}

/** Whoever is signed in may not connect this server. */
export class ConsentForbiddenError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_CONSENT_FORBIDDEN',
      'everybody here shares the account of this server, so only an administrator may connect it',
      { status: 403 },
    );
  }
}

/** No such server, or none that the visitor may see: both look alike. */
export class NothingToConnectError extends ComposerError {
  constructor() {
    super('COMPOSER_CONSENT_UNKNOWN', 'there is no such server for you here', { status: 404 });
  }
}

/** The server's credential is one that is entered, or none at all. */
export class NoConsentNeededError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_CONSENT_NOT_NEEDED',
      'this server is not connected by a person: its credential is in its settings',
      {
        status: 422,
      },
    );
  }
}
