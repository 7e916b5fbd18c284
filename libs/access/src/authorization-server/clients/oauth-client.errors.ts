import { ComposerError, type Fault } from '#kernel';

/** A foreign id and an unknown id look alike, so the text does not even repeat the id. */
export class UnknownOauthClientError extends ComposerError {
  constructor() {
    super('COMPOSER_OAUTH_CLIENT_UNKNOWN', 'there is no such OAuth client in this tenant', { status: 404 });
  }
}

export class TooManyOauthClientsError extends ComposerError {
  constructor(limit: number) {
    super(
      'COMPOSER_OAUTH_CLIENT_LIMIT',
      `this tenant has ${limit} OAuth clients, which is the limit; delete one first`,
      {
        status: 409,
      },
    );
  }
}

/** A client that is refused, with every fault by path. Nothing was changed. */
export class InvalidOauthClientError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
    super('COMPOSER_OAUTH_CLIENT_INVALID', `the OAuth client is refused: ${list}`, { status: 422, faults });
  }
}
