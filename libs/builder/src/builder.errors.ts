import { ComposerError } from '#kernel';

/** The member refused the credential, or wants one. */
export class MemberRefusedError extends ComposerError {
  constructor(status: number) {
    super('COMPOSER_MEMBER_REFUSED', `it refused the credential with HTTP ${status}: check auth_strategy and auth`, {
      status: 502,
    });
  }
}

/** The member takes the credential, but it does not reach far enough (RFC 6750, 3.1: `insufficient_scope`). */
export class ScopeMissingError extends ComposerError {
  constructor() {
    super('COMPOSER_MEMBER_REFUSED', 'the credential lacks a scope that it wants for this (HTTP 403)', { status: 502 });
  }
}

/** What an answer that refuses a credential is to be told as. */
export function refusalOf(status: number, challenge: string | string[] | undefined): ComposerError {
  const isScope = status === 403 && /insufficient_scope/i.test(String(challenge ?? ''));
  return isScope ? new ScopeMissingError() : new MemberRefusedError(status);
}

/** The member answered, but not as its protocol wants it. */
export class MemberProtocolError extends ComposerError {
  constructor(what: string, cause?: unknown) {
    super('COMPOSER_MEMBER_PROTOCOL', what, { status: 502, cause });
  }
}

/** What was asked of the member was answered with an HTTP status of failure. */
export class MemberStatusError extends ComposerError {
  constructor(what: string) {
    super('COMPOSER_MEMBER_STATUS', what, { status: 502 });
  }
}

/** The member asked the caller for something, and was not told it. */
export class InputMissingError extends ComposerError {
  constructor(why: string) {
    super('COMPOSER_INPUT_MISSING', `it asked for input, and ${why}`, { status: 409 });
  }
}

/** The member answered with a JSON-RPC error what the composer asked of its own accord. */
export class MemberFaultError extends MemberProtocolError {
  constructor(
    what: string,
    readonly faultCode: number,
  ) {
    super(what);
  }
}

/** The member did not finish in its time. What it did meanwhile is not known. */
export class MemberTimeoutError extends ComposerError {
  constructor(seconds: number) {
    super('COMPOSER_MEMBER_TIMEOUT', `it did not answer within ${seconds} s`, { status: 504, retryable: true });
  }
}

/** The specification of an openapi member, or the schema of a graphql one, could not be had. */
export class SpecificationError extends ComposerError {
  constructor(path: string, message: string, cause?: unknown) {
    super('COMPOSER_SPECIFICATION_UNAVAILABLE', `${path} ${message}`, {
      status: 422,
      faults: [{ path, message }],
      cause,
    });
  }
}

/** The member has as many calls under way as it may have, or as large ones. */
export class MemberBusyError extends ComposerError {
  constructor() {
    super('COMPOSER_MEMBER_BUSY', 'too many calls are under way', { status: 503, retryable: true });
  }
}

/** The composer is stopping, or the member was replaced while the call was on its way. */
export class MemberClosedError extends ComposerError {
  constructor() {
    super('COMPOSER_MEMBER_CLOSED', 'it was changed, removed or stopped before it had answered', {
      status: 503,
      retryable: true,
    });
  }
}

/** A fault of our own: told as such, with the cause for the log. */
export class BuilderFaultError extends ComposerError {
  constructor(cause: unknown) {
    super('COMPOSER_BUILDER_FAULT', 'the composer failed internally', { cause });
  }
}

export function asComposerError(error: unknown): ComposerError {
  return error instanceof ComposerError ? error : new BuilderFaultError(error);
}
