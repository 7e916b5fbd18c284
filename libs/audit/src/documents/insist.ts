import { setTimeout as pause } from 'node:timers/promises';
import { CommitUnknownError, DatabaseUnavailableError } from '#persistence';

const WITHIN_MS = 5_000;
const PAUSE_MS = 100;

/**
 * Does what must be done because something before it was: again and again while the database is away, for five seconds.
 * The work does no harm when it is done twice.
 *
 * @throws CommitUnknownError when that was not enough
 */
export async function insist<T>(work: () => Promise<T>): Promise<T> {
  const end = performance.now() + WITHIN_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError)) throw error;
      if (performance.now() >= end) throw new CommitUnknownError(error);
    }
    await pause(PAUSE_MS * (0.5 + Math.random()));
  }
}
