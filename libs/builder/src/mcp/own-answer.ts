import { METHOD_NOT_FOUND } from './mcp-protocol.js';
import { type MemberMessage, textAt } from './member-message.js';

/**
 * What the composer answers itself to a request of a member: it has declared no capabilities, so the only thing that may
 * be asked is whether anybody is there. Undefined for what has no id of a request (2025-11-25, base protocol).
 */
export function ownAnswerTo({ raw, places }: MemberMessage): Record<string, unknown> | undefined {
  const id = idIn(textAt(raw, places.get('id')));
  if (id === undefined) return undefined;
  const isPing = textAt(raw, places.get('method')) === '"ping"';
  return { id, ...(isPing ? { result: {} } : { error: { code: METHOD_NOT_FOUND, message: 'Method not found' } }) };
}

function idIn(text: string | undefined): string | number | undefined {
  try {
    const id: unknown = JSON.parse(text ?? 'null');
    return typeof id === 'string' || typeof id === 'number' ? id : undefined;
  } catch {
    return undefined;
  }
}
