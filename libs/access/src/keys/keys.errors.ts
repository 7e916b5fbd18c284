import { ComposerError } from '#kernel';

/** A foreign id and an unknown id look alike, so the text does not even repeat the id. */
export class UnknownKeyError extends ComposerError {
  constructor() {
    super('COMPOSER_KEY_UNKNOWN', 'there is no such key in this tenant', { status: 404 });
  }
}

/** Only keys that still work count: the oldest of the others make room. */
export class TooManyKeysError extends ComposerError {
  constructor(limit: number) {
    super('COMPOSER_KEY_LIMIT', `this tenant has ${limit} keys that work, which is the limit; revoke one first`, {
      status: 409,
    });
  }
}
