import { ComposerError } from '#kernel';

/**
 * Thrown for every address that may not be called, whatever the reason: the text must not tell a caller what it
 * has found (a private address, a closed port, a name that points inside). The reason is in the debug log.
 */
export class EgressDeniedError extends ComposerError {
  /** @param paths where the refused addresses stand in the input, if they came with one */
  constructor(paths: readonly string[] = []) {
    super(
      'COMPOSER_EGRESS_DENIED',
      'this address may not be called from here; ask the operator to add it to EGRESS_ALLOW',
      { status: 422, faults: paths.map((path) => ({ path, message: 'may not be called from here' })) },
    );
  }
}

/** Thrown for a request that cannot be put on the wire as it is: header names, values, path or size. */
export class EgressRequestError extends ComposerError {
  constructor(problem: string, cause?: unknown) {
    super('COMPOSER_EGRESS_BAD_REQUEST', `the outgoing request is not valid: ${problem}`, { status: 422, cause });
  }
}

/** Thrown when no answer came because there is no working connection: DNS, refused, TLS, reset. */
export class EgressUnreachableError extends ComposerError {
  /**
   * @param beforeSent true: certainly no byte of the request was written, so that repeating it elsewhere is safe.
   * False: unknown.
   */
  constructor(
    what: string,
    readonly beforeSent: boolean,
    cause?: unknown,
  ) {
    super('COMPOSER_EGRESS_UNREACHABLE', `the remote server could not be reached: ${what}`, {
      status: 502,
      retryable: true,
      cause,
    });
  }
}

/** Thrown when a limit of time has passed: the whole call, the headers, or the silence between two pieces. */
export class EgressTimeoutError extends ComposerError {
  /** @param beforeSent as in `EgressUnreachableError`. */
  constructor(
    what: string,
    readonly beforeSent: boolean,
    cause?: unknown,
  ) {
    super('COMPOSER_EGRESS_TIMEOUT', `the remote server did not answer in time: ${what}`, {
      status: 504,
      retryable: true,
      cause,
    });
  }
}

/** Thrown when an answer, after decoding, is larger than the caller allows. */
export class EgressTooLargeError extends ComposerError {
  constructor(maxBytes: number) {
    super('COMPOSER_EGRESS_TOO_LARGE', `the answer of the remote server is larger than ${maxBytes} bytes`, {
      status: 502,
    });
  }
}

/** Thrown when an answer is not HTTP as we read it: malformed, oversized headers, broken or unknown coding. */
export class EgressBadAnswerError extends ComposerError {
  constructor(problem: string, cause?: unknown) {
    super('COMPOSER_EGRESS_BAD_ANSWER', `the answer of the remote server cannot be read: ${problem}`, {
      status: 502,
      cause,
    });
  }
}
