import { ComposerError, type Fault } from '#kernel';

/** A foreign id and an unknown id look alike, so the text does not even repeat the id. */
export class UnknownIssuerError extends ComposerError {
  constructor() {
    super('COMPOSER_ISSUER_UNKNOWN', 'there is no such issuer in this tenant', { status: 404 });
  }
}

/** The tenant trusts this issuer already, under another id. */
export class DuplicateIssuerError extends ComposerError {
  constructor() {
    super('COMPOSER_ISSUER_EXISTS', 'this tenant has this issuer already under another id; change that one', {
      status: 409,
    });
  }
}

/** Somebody else changed the issuer between reading and writing. */
export class IssuerConflictError extends ComposerError {
  constructor(id: string) {
    super('COMPOSER_ISSUER_CONFLICT', `issuer "${id}" was changed meanwhile; read it again and repeat the change`, {
      status: 409,
      retryable: true,
    });
  }
}

export class TooManyIssuersError extends ComposerError {
  constructor(limit: number) {
    super('COMPOSER_ISSUER_LIMIT', `this tenant has ${limit} issuers, which is the limit; delete one first`, {
      status: 409,
    });
  }
}

/** People sign in at one place: with two of them nobody could tell which is asked. */
export class SecondSignInError extends ComposerError {
  constructor(id: string) {
    super(
      'COMPOSER_ISSUER_SECOND_SIGN_IN',
      `people of this tenant sign in through issuer "${id}" already; take sign_in away from it first`,
      { status: 409 },
    );
  }
}

/** The issuer that the operator has described in the environment is changed there. */
export class FixedIssuerError extends ComposerError {
  constructor() {
    super('COMPOSER_ISSUER_FIXED', 'this issuer comes from the OAUTH_* variables of the operator; choose another id', {
      status: 409,
    });
  }
}

/** Settings that are refused, with every fault by path. Nothing was changed. */
export class InvalidIssuerError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ');
    super('COMPOSER_ISSUER_INVALID', `the issuer is refused: ${list}`, { status: 422, faults });
  }
}
