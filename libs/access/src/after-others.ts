import { setTimeout as pause } from 'node:timers/promises';
import { DocumentConflictError } from '#persistence';

const WITHIN_MS = 5_000;
const PAUSE_MS = 20;

/**
 * Does again what met with a change of somebody else, as a transaction would wait for the other one: reading included,
 * for five seconds.
 *
 * @throws DocumentConflictError when there was always another one
 */
export async function afterOthers<T>(work: () => Promise<T>): Promise<T> {
  const end = performance.now() + WITHIN_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DocumentConflictError) || performance.now() >= end) throw error;
    }
    await pause(PAUSE_MS * (0.5 + Math.random()));
  }
}
