import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LogLevel, Message } from '#builder';
import type { Principal, Scope } from '#tenancy';
import type { Selection } from '../catalog/selection.js';
import type { HttpReply } from './http-reply.js';
import type { McpReply } from './mcp-reply.js';

/** One request of a principal that is known, as it is carried out. */
export interface RoutedExchange {
  readonly principal: Principal;
  /** What the address of the request offers. */
  readonly selection: Selection;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly message: Message;
  readonly reply: McpReply;
  /** What its session wants to hear of the log, in the legacy era. */
  readonly logLevel?: LogLevel;
  /** What `WWW-Authenticate` says where the credential is short of one of these. */
  readonly challengeFor: (scopes: readonly Scope[]) => string;
}

/** One POST with one message. */
export interface McpExchange extends RoutedExchange {
  readonly reply: HttpReply;
}

/** A header of the request; Node joins those that were sent twice, so a doubled one equals nothing that is expected. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value.trim() : undefined;
}
