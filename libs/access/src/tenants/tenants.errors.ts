import { ComposerError } from '#kernel';

export class DuplicateTenantError extends ComposerError {
  constructor(slug: string) {
    super('COMPOSER_TENANT_EXISTS', `tenant "${slug}" exists already; choose another slug`, { status: 409 });
  }
}

/** The trail of tenants is kept in the default one, and operators come in through it. */
export class DefaultTenantError extends ComposerError {
  constructor(what: string) {
    super('COMPOSER_TENANT_DEFAULT', `the default tenant cannot be ${what}`, { status: 409 });
  }
}
