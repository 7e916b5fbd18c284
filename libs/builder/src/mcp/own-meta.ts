import { CLIENT_FLAGS, declarationOf } from '../client-facts.js';
import { COMPOSER_INFO, META_CAPABILITIES, META_CLIENT_INFO, META_VERSION, MODERN_VERSION } from './mcp-protocol.js';

/**
 * What the composer says of itself in a modern request that it makes on its own behalf. It declares all that it can carry:
 * some servers list a tool only to a client that could answer what the tool asks.
 */
export const OWN_META = {
  [META_VERSION]: MODERN_VERSION,
  [META_CLIENT_INFO]: COMPOSER_INFO,
  [META_CAPABILITIES]: declarationOf(CLIENT_FLAGS),
} as const;
