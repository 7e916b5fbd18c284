import { ConsentRequiredError, PrincipalMissingError, WiderConsentRequiredError } from '#auth';
import { EgressTimeoutError, EgressUnreachableError } from '#egress';
import { type ComposerError, serverId } from '#kernel';
import {
  MemberBusyError,
  MemberClosedError,
  MemberRefusedError,
  MemberTimeoutError,
  ScopeMissingError,
} from './builder.errors.js';
import type { RequiredPage } from './mcp/required-page.js';
import type { MemberReply } from './member.js';

const CHECK_FIRST = 'Whether the call was carried out is not known: check before you repeat it.';

/** Gives a caller the failure of its member: what happened, and what to do. */
export function replyFailure(reply: MemberReply, member: string, error: ComposerError): void {
  if (!(error instanceof ConsentRequiredError)) return reply.failed(failureText(member, error), error.code);
  reply.needsConsent({ serverId: error.serverId, url: error.url, text: consentText(member, error) });
}

/** The member wants a person to open a page of its own first: told as where the composer itself wants that. */
export function replyPageRequired(reply: MemberReply, member: string, { url, message }: RequiredPage): void {
  reply.needsConsent({ serverId: serverId(member), url, text: `Server "${member}" asks: ${message}` });
}

function consentText(member: string, error: ConsentRequiredError): string {
  const why =
    error instanceof WiderConsentRequiredError
      ? `wants more of your consent than it has for this (${error.code}) and has refused the call`
      : `needs your consent before it can be called (${error.code}); nothing was sent`;
  return `Server "${member}" ${why}. Open the page, agree, and call again.`;
}

/** What a caller reads when its member failed. No address, no header. */
export function failureText(member: string, error: ComposerError): string {
  if (error instanceof MemberBusyError) {
    return `Server "${member}" is busy (${error.code}): ${error.message}; the call was not sent, try again later.`;
  }
  return `Server "${member}" failed (${error.code}): ${error.message}. ${adviceOn(error)}`;
}

/** Whether nothing is wrong but that a person, or every one of them, has not consented yet. */
export function awaitsConsent(error: ComposerError): boolean {
  return error instanceof ConsentRequiredError || error instanceof PrincipalMissingError;
}

/** By code: what the token store throws, when no credential could be had, and what keeps a process from being asked. */
const ADVICE_BY_CODE: Readonly<Record<string, string>> = {
  COMPOSER_GRANT_REFUSED: 'The call was not sent; whoever connected the server has to connect it again.',
  COMPOSER_CLIENT_REFUSED: 'The call was not sent; an administrator has to correct the settings.',
  COMPOSER_CREDENTIAL_HELD: 'The call was not carried out; an administrator has to look at the credential.',
  COMPOSER_ISSUER_UNAVAILABLE: 'The call was not carried out; try again later.',
  COMPOSER_STDIO_REFUSED: 'The call was not sent; an operator has to allow the command.',
  COMPOSER_STDIO_PROCESSES: 'The call was not sent; try again later.',
  COMPOSER_MEMBER_NOT_STARTED: 'The call was not sent; if this goes on, tell an administrator.',
  COMPOSER_MEMBER_RESTING: 'The call was not sent; try again later.',
  COMPOSER_MEMBER_ENDED: CHECK_FIRST,
};

function adviceOn(error: ComposerError): string {
  if (error instanceof PrincipalMissingError) return 'The call was not sent; nobody else can connect it for you.';
  if (error instanceof ScopeMissingError) return 'An administrator has to ask for that scope in the settings.';
  if (error instanceof MemberRefusedError) return 'An administrator has to enter a working credential.';
  if (error instanceof MemberTimeoutError || error instanceof MemberClosedError) return CHECK_FIRST;
  if (error instanceof EgressUnreachableError || error instanceof EgressTimeoutError) {
    return error.beforeSent ? 'The call was not sent; try again later.' : CHECK_FIRST;
  }
  const advice = ADVICE_BY_CODE[error.code];
  if (advice) return advice;
  return error.retryable ? 'Try again later.' : 'If this goes on, tell an administrator.';
}
