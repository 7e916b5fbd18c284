import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LogLevel, Message } from '#builder';
import type { Principal, Scope } from '#tenancy';
import type { Selection } from '../catalog/selection.js';
import type { HttpReply } from './http-reply.js';

/** One POST with one message, from a principal that is known. */
export interface McpExchange {
  readonly principal: Principal;
  /** What the address of the request offers. */
  readonly selection: Selection;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly message: Message;
  readonly reply: HttpReply;
  /** What its session wants to hear of the log, in the legacy era. */
  readonly logLevel?: LogLevel;
  /** What `WWW-Authenticate` says where the credential is short of one of these. */
  readonly challengeFor: (scopes: readonly Scope[]) => string;
}

/** A header of the request; Node joins those that were sent twice, so a doubled one equals nothing that is expected. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value.trim() : undefined;
}
