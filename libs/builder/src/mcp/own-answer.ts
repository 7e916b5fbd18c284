import { METHOD_NOT_FOUND } from './mcp-protocol.js';
import { type MemberMessage, textAt } from './member-message.js';

/**
 * What the composer answers itself to a request of a member that belongs to no call: nobody can be asked, so the only thing
 * that is answered is whether anybody is there. Undefined for what has no id of a request (2025-11-25, base protocol).
 */
export function ownAnswerTo(message: MemberMessage): Buffer | undefined {
  const id = requestIdOf(message);
  if (id === undefined) return undefined;
  const isPing = textAt(message.raw, message.places.get('method')) === '"ping"';
  return isPing ? answerTo(id, { result: '{}' }) : errorTo(id, METHOD_NOT_FOUND, 'Method not found');
}

/** The id of a member's request as the member wrote it; undefined if it is none. */
export function requestIdOf({ raw, places }: MemberMessage): string | undefined {
  const text = textAt(raw, places.get('id'));
  try {
    const id: unknown = JSON.parse(text ?? 'null');
    return typeof id === 'string' || typeof id === 'number' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** @param outcome as JSON text */
export function answerTo(id: string, outcome: { readonly result: string } | { readonly error: string }): Buffer {
  const [[name, text]] = Object.entries(outcome) as [[string, string]];
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"${name}":${text}}`);
}

export const errorTo = (id: string, code: number, message: string): Buffer =>
  answerTo(id, { error: JSON.stringify({ code, message }) });
