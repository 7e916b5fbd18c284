import type { Era } from '../member.js';
import { MODERN_VERSION } from './mcp-protocol.js';
import type { AccountBound } from './member-link.js';
import type { ServerFacts } from './server-facts.js';

/** What was agreed on with a member. */
export interface McpSession extends AccountBound {
  readonly era: Era;
  readonly version: string;
  /** Headers of every request within it. */
  readonly headers: Readonly<Record<string, string>>;
  /** The member gave a session id, and can end the session. */
  readonly isNamed: boolean;
  /** What the member said of itself when the session was opened. */
  readonly facts: ServerFacts;
}

/** What is found out about a member once, for all its links. */
export interface KnownEra {
  /** Nothing in it belongs to anybody: all share it. */
  modern?: McpSession | undefined;
  /** The next session needs no question which era it is to be of. */
  isLegacy: boolean;
}

/** Before anything was agreed on. */
export const UNAGREED = { headers: {}, isNamed: false, isStateless: true, facts: { capabilities: {} } } as const;

export const MODERN_SESSION: McpSession = {
  ...UNAGREED,
  era: 'modern',
  version: MODERN_VERSION,
  headers: { 'mcp-protocol-version': MODERN_VERSION },
};
