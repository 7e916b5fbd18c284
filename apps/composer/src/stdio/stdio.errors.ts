import { ComposerError } from '#kernel';

/** Callers need a credential, and none is given for the client at stdin. */
export class StdioKeyMissingError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_STDIO_KEY_MISSING',
      'callers need a credential here (COMPOSER_AUTH): give that of the client in COMPOSER_API_KEY',
    );
  }
}
