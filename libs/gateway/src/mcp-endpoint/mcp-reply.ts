import type { MemberReply } from '#builder';
import type { ComposerError } from '#kernel';
import type { JsonRpcFault } from './http-reply.js';

/** The answer to one request of a client, as those see it that have the request carried out. */
export interface McpReply extends MemberReply {
  /** A JSON-RPC error under an HTTP status of its own. */
  error(status: number, fault: JsonRpcFault, headers?: readonly string[]): void;
  /** Answers with what the composer itself has against the request. */
  refuse(error: ComposerError, headers?: readonly string[]): void;
  /** Ends an answer that is under way, with the reason where that can still be told. */
  cutOff(reason: ComposerError): void;
  /** Calls `listener` when the caller goes away before the answer is complete. */
  onAbandoned(listener: () => void): void;
  /** Calls `listener` when the answer was given, whether or not anybody was still there to take it. */
  onAnswered(listener: () => void): void;
}
