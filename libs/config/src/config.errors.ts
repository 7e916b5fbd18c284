import { ComposerError } from '#kernel';

/** Lists every bad variable at once, by name. Values never appear: one of them is a password. */
export class ConfigError extends ComposerError {
  constructor(readonly problems: readonly string[]) {
    super('COMPOSER_CONFIG_INVALID', `the environment does not fit: ${problems.join('; ')}`);
  }
}
