import { EgressTimeoutError, EgressUnreachableError } from '#egress';
import type { ComposerError } from '#kernel';
import { MemberBusyError, MemberClosedError, MemberRefusedError, MemberTimeoutError } from './builder.errors.js';

/** What the caller of a tool reads when its member failed: what happened, and what to do. No address, no header. */
export function failureText(member: string, error: ComposerError): string {
  if (error instanceof MemberBusyError) {
    return `Server "${member}" is busy (${error.code}): ${error.message}; the call was not sent, try again later.`;
  }
  return `Server "${member}" failed (${error.code}): ${error.message}. ${adviceOn(error)}`;
}

function adviceOn(error: ComposerError): string {
  if (error instanceof MemberRefusedError) return 'An administrator has to enter a working credential.';
  if (error instanceof MemberTimeoutError || error instanceof MemberClosedError)
    return 'Whether the call was carried out is not known: check before you repeat it.';
  if (error instanceof EgressUnreachableError || error instanceof EgressTimeoutError) {
    return error.beforeSent
      ? 'The call was not sent; try again later.'
      : 'Whether the call was carried out is not known: check before you repeat it.';
  }
  return error.retryable ? 'Try again later.' : 'If this goes on, tell an administrator.';
}
