import { ComposerError, type Fault } from '#kernel';

/** The operator's list does not let this member be started. Nothing was started, and nothing was changed. */
export class StdioRefusedError extends ComposerError {
  constructor(fault: Fault) {
    super('COMPOSER_STDIO_REFUSED', `no process is started: ${fault.path} ${fault.message}`, {
      status: 422,
      faults: [fault],
    });
  }
}
