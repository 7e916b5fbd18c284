import { ComposerError, type Fault } from '#kernel';

/** The file of `SERVER_CONFIG_FILE_PATH` cannot be used. Names the places in it, never a value. */
export class ConfigFileError extends ComposerError {
  constructor(file: string, faults: readonly Fault[], cause?: unknown) {
    const list = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ');
    super('COMPOSER_CONFIG_FILE_INVALID', `SERVER_CONFIG_FILE_PATH: ${file}: ${list}`, { status: 422, faults, cause });
  }
}
