import { ComposerError } from '#kernel';
import { MAX_EVENT_BYTES } from '../wire/wire.errors.js';

/** One message of a process may be this large, as one event of a stream may. */
export const MAX_LINE_BYTES = MAX_EVENT_BYTES;

/** The process is over, or will not answer any more. What it did of a call that was under way is not known. */
export class MemberEndedError extends ComposerError {
  constructor(how: string) {
    super('COMPOSER_MEMBER_ENDED', how, { status: 502 });
  }
}

/** The process could not be started, or did not come so far that it could be asked anything. Nothing was sent. */
export class MemberNotStartedError extends ComposerError {
  constructor(why: string, cause?: unknown) {
    super('COMPOSER_MEMBER_NOT_STARTED', why, { status: 502, cause });
  }
}

/** The process has ended too often to be started again at once. Nothing was sent. */
export class MemberRestingError extends ComposerError {
  constructor(restMs: number) {
    const seconds = Math.ceil(restMs / 1000);
    super('COMPOSER_MEMBER_RESTING', `it ended again and again, and is started again in ${seconds} s`, {
      status: 503,
      retryable: true,
      retryAfter: seconds,
    });
  }
}

/** As many members as may be are processes already. Nothing was started. */
export class TooManyProcessesError extends ComposerError {
  constructor(most: number) {
    super(
      'COMPOSER_STDIO_PROCESSES',
      `${most} processes of members run already, which is the limit (STDIO_MAX_PROCESSES)`,
      { status: 503, retryable: true, retryAfter: 30 },
    );
  }
}

/** A line, or the beginning of one, is larger than `MAX_LINE_BYTES`. */
export class LineTooLongError extends Error {
  constructor() {
    super(`it wrote a line of more than ${MAX_LINE_BYTES} bytes`);
  }
}
