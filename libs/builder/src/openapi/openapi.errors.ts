import { ComposerError, type Fault } from '#kernel';

/** The document cannot be used at all: not JSON or YAML, too large, too deep, or not an OpenAPI document. */
export class InvalidDocumentError extends ComposerError {
  constructor(message: string, cause?: unknown) {
    super('COMPOSER_OPENAPI_INVALID_DOCUMENT', `the OpenAPI document cannot be used: ${message}`, {
      status: 422,
      faults: [{ path: 'open_api.spec', message }],
      cause,
    });
  }
}

/** The document is well formed but written in a version of the specification that is not understood. */
export class UnsupportedVersionError extends ComposerError {
  constructor() {
    const message = 'the version is none of Swagger 2.0, OpenAPI 3.0, 3.1 and 3.2; convert the document to one of them';
    super('COMPOSER_OPENAPI_UNSUPPORTED_VERSION', `the OpenAPI document cannot be used: ${message}`, {
      status: 422,
      faults: [{ path: 'open_api.spec', message }],
    });
  }
}

/** More operations would become tools than one member may have. */
export class TooManyOperationsError extends ComposerError {
  constructor(limit: number) {
    const message = `more than ${limit} operations would become tools; leave some out with open_api.custom_routes`;
    super('COMPOSER_OPENAPI_TOO_MANY_OPERATIONS', `the OpenAPI document cannot be used: ${message}`, {
      status: 422,
      faults: [{ path: 'open_api.custom_routes', message }],
    });
  }
}

/** `open_api.custom_routes` is not a list of rules that can be applied. */
export class InvalidRoutesError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    super('COMPOSER_OPENAPI_INVALID_ROUTES', `open_api.custom_routes cannot be used: ${listed(faults)}`, {
      status: 422,
      faults,
    });
  }
}

/** As many documents wait to be imported as may. */
export class ImportsBusyError extends ComposerError {
  constructor() {
    super('COMPOSER_OPENAPI_BUSY', 'too many OpenAPI documents wait to be imported; try again', {
      status: 503,
      retryable: true,
      retryAfter: 5,
    });
  }
}

/** One operation cannot become a tool. Ends up as a reason in the list of skipped operations, never at a caller. */
export class UnsupportedOperationError extends ComposerError {
  constructor(reason: string) {
    super('COMPOSER_OPENAPI_UNSUPPORTED_OPERATION', reason, { status: 422 });
  }
}

/** The arguments of a call do not fit the operation. Names every faulty argument at once, and no value. */
export class InvalidArgumentsError extends ComposerError {
  constructor(tool: string, faults: readonly Fault[]) {
    super('COMPOSER_OPENAPI_INVALID_ARGUMENTS', `the arguments of ${tool} cannot be used: ${listed(faults)}`, {
      status: 422,
      faults,
    });
  }
}

const listed = (faults: readonly Fault[]): string =>
  faults.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
