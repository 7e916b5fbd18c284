import { ComposerError } from '#kernel';

/** The member does not know the session any more, and has not looked at the message. */
export class SessionLostError extends ComposerError {
  constructor() {
    super('COMPOSER_MEMBER_SESSION_LOST', 'it does not know the session any more', { status: 502, retryable: true });
  }
}

/**
 * Whether the answer to a message says that the member does not know its session, so that none of it was done. Servers of
 * the official SDKs say it with 400 and words; 400 without them is about the message.
 */
export function isLost(status: number, text: string): boolean {
  return status === 404 || status === 410 || (status === 400 && /\b(?:session|transport)/i.test(text));
}
