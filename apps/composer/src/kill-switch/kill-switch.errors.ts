import { ComposerError } from '#kernel';

/** The request does not name one thing to stop. */
export class RevocationTargetError extends ComposerError {
  constructor(why: string) {
    super('COMPOSER_REVOCATION_TARGET', `this is nothing to revoke: ${why}`, { status: 422 });
  }
}

/** Nobody trusts this issuer. */
export class UntrustedIssuerError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_ISSUER_UNKNOWN',
      'no tenant that you may speak for trusts this issuer; spell it as it spells itself',
      {
        status: 404,
      },
    );
  }
}
