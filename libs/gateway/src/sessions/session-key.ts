import { createHash } from 'node:crypto';

const LENGTH = 32;

/** Under this a session is known where records are kept: nobody gets the session's id from it. */
export const sessionKey = (sessionId: string): string =>
  createHash('sha256').update(sessionId).digest('base64url').slice(0, LENGTH);
