import type { ClientFacts, ClientFlag } from '../src/client-facts.js';
import type { Era } from '../src/member.js';

/** A client of this era that has declared these capabilities. */
export function clientOf(era: Era, ...capabilities: ClientFlag[]): ClientFacts {
  return { era, version: era === 'modern' ? '2026-07-28' : '2025-11-25', capabilities };
}
