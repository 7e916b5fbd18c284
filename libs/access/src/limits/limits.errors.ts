import { ComposerError } from '#kernel';

/** More was asked for than the tenant, the principal or the credential may ask for. Nothing was done. */
export class RateLimitedError extends ComposerError {
  constructor(what: string, waitMs: number) {
    super('COMPOSER_RATE_LIMITED', `${what}; try again later`, {
      status: 429,
      retryable: true,
      retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
    });
  }
}
