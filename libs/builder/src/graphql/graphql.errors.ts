import { ComposerError, type Fault } from '#kernel';

/** The schema of a GraphQL service cannot be used: not SDL, no result of an introspection, or beyond its bounds. */
export class InvalidSchemaError extends ComposerError {
  constructor(message: string, cause?: unknown) {
    super('COMPOSER_GRAPHQL_INVALID_SCHEMA', `the GraphQL schema cannot be used: ${message}`, {
      status: 422,
      faults: [{ path: 'graphql', message: `the schema cannot be used: ${message}` }],
      cause,
    });
  }
}

/** The service does not tell its schema, and nothing else does. */
export class SchemaMissingError extends ComposerError {
  constructor(said: string) {
    super(
      'COMPOSER_GRAPHQL_NO_SCHEMA',
      `it does not tell its schema${said && ` ("${said}")`}: give it as graphql.schema or graphql.schema_filepath, ` +
        'or offer stored operations alone (graphql.tools: ["operations"])',
      { status: 422 },
    );
  }
}

/** Stored operations are no GraphQL, or do not fit the schema. Names each of them. */
export class InvalidOperationsError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    super('COMPOSER_GRAPHQL_INVALID_OPERATIONS', `graphql.operations cannot be used: ${listed(faults)}`, {
      status: 422,
      faults,
    });
  }
}

/** As many schemas wait to be read as may. */
export class SchemasBusyError extends ComposerError {
  constructor() {
    super('COMPOSER_GRAPHQL_BUSY', 'too many GraphQL schemas wait to be read; try again', {
      status: 503,
      retryable: true,
      retryAfter: 5,
    });
  }
}

/** An operation, or what a caller has selected, is not sent: no GraphQL, not of this service, or of a kind that is not. */
export class InvalidOperationError extends ComposerError {
  constructor(what: string) {
    super('COMPOSER_GRAPHQL_INVALID_OPERATION', what, { status: 422 });
  }
}

/** An operation asks for more than it may. */
export class OperationLimitError extends ComposerError {
  constructor(limit: string, value: number, most: number) {
    super('COMPOSER_GRAPHQL_LIMIT', `the operation is not sent: its ${limit} is ${value}, and ${most} is the limit`, {
      status: 422,
    });
  }
}

/** The member has offered a tool that is there no more. */
export class ToolGoneError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_GRAPHQL_TOOL_GONE',
      'this tool is gone: the schema of the service has changed; list the tools anew',
      {
        status: 404,
      },
    );
  }
}

const MOST_LISTED = 10;

function listed(faults: readonly Fault[]): string {
  const shown = faults.slice(0, MOST_LISTED).map(({ path, message }) => `${path}: ${message}`);
  return [...shown, ...(faults.length > MOST_LISTED ? [`and ${faults.length - MOST_LISTED} more`] : [])].join('; ');
}
