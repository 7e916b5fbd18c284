import { ComposerError, type Fault } from '#kernel';
import type { Scope } from '#tenancy';

/** No credential, or one that is not valid: both look alike. */
export class UnauthenticatedError extends ComposerError {
  constructor() {
    super('COMPOSER_UNAUTHENTICATED', 'a valid credential is required', { status: 401 });
  }
}

export class ForbiddenError extends ComposerError {
  constructor() {
    super('COMPOSER_FORBIDDEN', 'this is not for your role', { status: 403 });
  }
}

/** RFC 6750, 3.1, `invalid_request`: a header that cannot be read, or two credentials of which one would be a guess. */
export class MalformedCredentialError extends ComposerError {
  constructor(what: string) {
    super('COMPOSER_CREDENTIAL_MALFORMED', what, { status: 400 });
  }
}

/** RFC 6750, 3.1, `insufficient_scope`: the principal may, this credential of it may not. */
export class ScopeInsufficientError extends ComposerError {
  constructor(readonly scopes: readonly Scope[]) {
    super('COMPOSER_SCOPE_INSUFFICIENT', `this credential is not for that; it needs the scope: ${scopes.join(' ')}`, {
      status: 403,
    });
  }
}

/** Too many attempts with credentials that are not valid have come from this address. */
export class TooManyAttemptsError extends ComposerError {
  constructor(seconds: number) {
    super('COMPOSER_RATE_LIMITED', `too many failed attempts from this address; try again in ${seconds} s`, {
      status: 429,
      retryable: true,
      retryAfter: seconds,
    });
  }
}

/** A credential could not be checked, most likely because the database is away; nothing is known about it. */
export class IdentityUnavailableError extends ComposerError {
  constructor(cause: unknown) {
    super('COMPOSER_IDENTITY_UNAVAILABLE', 'the credential could not be checked; try again in a moment', {
      status: 503,
      retryable: true,
      retryAfter: 2,
      cause,
    });
  }
}

/** Somebody else changed the thing between reading and writing. */
export class ConflictError extends ComposerError {
  constructor() {
    super('COMPOSER_CONFLICT', 'it was changed meanwhile; read it again and repeat the change', {
      status: 409,
      retryable: true,
    });
  }
}

/** An input that is refused, with every fault by path. Nothing was changed. */
export class InvalidInputError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
    super('COMPOSER_INPUT_INVALID', `the input is refused: ${list}`, { status: 422, faults });
  }
}

/** Nobody gives what is not theirs to give. */
export class ForbiddenGrantError extends ComposerError {
  constructor(what: string) {
    super('COMPOSER_GRANT_FORBIDDEN', what, { status: 403 });
  }
}

/** The `Host` or `Origin` header names somebody else: a web page may be trying to use a browser against us. */
export class ForeignOriginError extends ComposerError {
  constructor() {
    super('COMPOSER_FOREIGN_ORIGIN', 'this Host or Origin is not served here; see ALLOWED_HOSTS and ALLOWED_ORIGINS', {
      status: 403,
    });
  }
}

/** A route without a policy is a hole: the process does not start with one. */
export class RouteWithoutPolicyError extends ComposerError {
  constructor(routes: readonly string[]) {
    super(
      'COMPOSER_ROUTE_WITHOUT_POLICY',
      `these routes do not say who may call them (@AllowRoles or @Public): ${routes.join(', ')}`,
    );
  }
}
