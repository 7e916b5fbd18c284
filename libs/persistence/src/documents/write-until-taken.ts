import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '#kernel';
import { DatabaseUnavailableError, DocumentConflictError } from '../persistence.errors.js';
import type { DocumentRef, Documents } from './documents.js';

const TRIES = 20;
const PAUSE_MS = 100;

/**
 * Changes a document, again on what somebody else has made of it meanwhile, until the change is taken.
 *
 * @param change makes the new body from the present one, absent where there is no document; undefined: leave it
 * @returns the body that is there now
 * @throws DatabaseUnavailableError, also when too many change it at once
 */
export async function writeUntilTaken(
  documents: Documents,
  ref: DocumentRef,
  change: (body: JsonObject | undefined) => JsonObject | undefined,
): Promise<JsonObject | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await documents.read(ref);
    const body = change(before?.body);
    if (body === undefined) return before?.body;
    try {
      await documents.write(ref, body, before?.rev);
      return body;
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error;
      await pause(Math.random() * PAUSE_MS);
    }
  }
  throw new DatabaseUnavailableError('is written to by too many at once');
}
