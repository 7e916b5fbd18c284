import { ComposerError, type Fault } from '#kernel';
import type { Scope } from '#tenancy';

/** The arguments of a management tool do not fit. */
export class InvalidArgumentsError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ');
    super('COMPOSER_TOOL_ARGUMENTS_INVALID', `the arguments are refused: ${list}`, { status: 422, faults });
  }
}

/** The credential is good, but not for this. */
export class ScopeInsufficientError extends ComposerError {
  /** @param scopes everything that the operation needs, what the credential has among it */
  constructor(readonly scopes: readonly Scope[]) {
    super('COMPOSER_SCOPE_INSUFFICIENT', `this needs a credential with the scope "${scopes.join(' ')}"`, {
      status: 403,
    });
  }
}

/** Whoever asked may not have the answer any more. */
export class AccessEndedError extends ComposerError {
  constructor(why = 'the credential was revoked, or its owner may not call any more') {
    super('COMPOSER_ACCESS_ENDED', `${why}; whether a call that was under way was carried out is not known`, {
      status: 403,
    });
  }
}

/** As many previews are under way as may be, of a tenant or of all. */
export class PreviewsBusyError extends ComposerError {
  constructor() {
    super('COMPOSER_PREVIEWS_BUSY', 'too many previews are under way; try again in a moment', {
      status: 429,
      retryable: true,
      retryAfter: 2,
    });
  }
}
