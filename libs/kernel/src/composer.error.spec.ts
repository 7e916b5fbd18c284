import { describe, expect, it } from '@jest/globals';
import { ComposerError } from './composer.error.js';

class LockedError extends ComposerError {
  constructor(cause?: unknown) {
    super('COMPOSER_LOCKED', 'it is locked; try again', { status: 423, retryable: true, cause });
  }
}

describe('ComposerError', () => {
  it('carries code, status and whether to try again, under the name of its class', () => {
    const error = new LockedError();
    expect(error).toMatchObject({ code: 'COMPOSER_LOCKED', status: 423, retryable: true, name: 'LockedError' });
    expect(error).toBeInstanceOf(Error);
  });

  it('keeps its cause, and has none unless one was given', () => {
    const cause = new Error('below');
    expect(new LockedError(cause).cause).toBe(cause);
    expect('cause' in new LockedError()).toBe(false);
  });

  it('is an internal failure without faults that no repetition mends, unless it says otherwise', () => {
    expect(new ComposerError('COMPOSER_X', 'x')).toMatchObject({ status: 500, retryable: false, faults: [] });
  });
});
