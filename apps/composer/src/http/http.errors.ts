import { ComposerError } from '#kernel';

/** The members of a tenant could not be loaded, most likely because the database is away. */
export class NotLoadedError extends ComposerError {
  constructor(cause: unknown) {
    super('COMPOSER_NOT_LOADED', 'the servers of this tenant could not be loaded; try again', {
      status: 503,
      retryable: true,
      cause,
    });
  }
}
