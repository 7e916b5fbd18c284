import { ComposerError } from '#kernel';

const ATTEMPTS = 10;

/** Does a change again that somebody else's change of the same thing has overtaken. The work reads anew each time. */
export async function insist<T>(work: () => Promise<T>, attempt = 1): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const wasOvertaken = error instanceof ComposerError && error.status === 409 && error.retryable;
    if (!wasOvertaken || attempt === ATTEMPTS) throw error;
    return insist(work, attempt + 1);
  }
}
