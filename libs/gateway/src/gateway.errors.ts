import { ComposerError, type Fault } from '#kernel';

/** The arguments of a management tool do not fit. */
export class InvalidArgumentsError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ');
    super('COMPOSER_TOOL_ARGUMENTS_INVALID', `the arguments are refused: ${list}`, { status: 422, faults });
  }
}
