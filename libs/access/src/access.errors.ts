import { ComposerError } from '#kernel';

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
