import { ComposerError } from '#kernel';

/** The member does not know the session any more, and has not looked at the message. */
export class SessionLostError extends ComposerError {
  constructor() {
    super('COMPOSER_MEMBER_SESSION_LOST', 'it does not know the session any more', { status: 502, retryable: true });
  }
}

/** What servers of the HTTP+SSE transport answer to a message of a session that they do not know: none of it was done. */
export function isLost(status: number): boolean {
  return status === 400 || status === 404 || status === 410;
}
