import { ComposerError } from '#kernel';

/** A foreign id and an unknown id look alike, so the text does not even repeat the id. */
export class UnknownPrincipalError extends ComposerError {
  constructor() {
    super('COMPOSER_PRINCIPAL_UNKNOWN', 'there is no such principal in this tenant', { status: 404 });
  }
}

export class DuplicatePrincipalError extends ComposerError {
  constructor(name: string) {
    super('COMPOSER_PRINCIPAL_EXISTS', `there is a service account "${name}" already; choose another name`, {
      status: 409,
    });
  }
}

/** A key for an account that is there already must fit what the account is. */
export class UnfitPrincipalError extends ComposerError {
  constructor(name: string, why: string) {
    super('COMPOSER_PRINCIPAL_UNFIT', `the service account "${name}" ${why}; choose another name, or change it first`, {
      status: 409,
    });
  }
}
