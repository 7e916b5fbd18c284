import { ComposerError } from '#kernel';

/** A foreign name and an unknown name look alike, so the text does not even repeat the name. */
export class UnknownRoleError extends ComposerError {
  constructor() {
    super('COMPOSER_ROLE_UNKNOWN', 'there is no such role in this tenant', { status: 404 });
  }
}

/** What a built-in role opens is the same everywhere. */
export class BuiltInRoleError extends ComposerError {
  constructor(name: string) {
    super('COMPOSER_ROLE_BUILT_IN', `"${name}" is a built-in role and cannot be changed; choose another name`, {
      status: 409,
    });
  }
}

export class TooManyRolesError extends ComposerError {
  constructor(limit: number) {
    super('COMPOSER_ROLE_LIMIT', `this tenant has ${limit} roles, which is the limit; delete one first`, {
      status: 409,
    });
  }
}
