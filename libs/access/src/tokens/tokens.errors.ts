import { ComposerError } from '#kernel';

/** An issuer did not answer, so that nothing is known about its token. Says neither which issuer nor why: the log does. */
export class IssuerUnavailableError extends ComposerError {
  constructor(cause?: unknown) {
    super('COMPOSER_ISSUER_UNAVAILABLE', 'the issuer of this token could not be asked; try again in a moment', {
      status: 503,
      retryable: true,
      cause,
    });
  }
}
