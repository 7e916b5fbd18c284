import { isObject } from '#kernel';
import type { Log } from '#observability';
import { INITIALIZE, agreedVersion } from '../mcp/handshake.js';
import { MODERN_VERSION, OWN_META, UNSUPPORTED_VERSION } from '../mcp/mcp-protocol.js';
import type { Era } from '../member.js';
import type { Deadlines } from '../wire/deadlines.js';

/** A process that was just started. */
export interface Newcomer {
  readonly ask: (
    method: string,
    params: Readonly<Record<string, unknown>>,
  ) => Promise<{ readonly value: Record<string, unknown> }>;
  readonly tell: (message: Record<string, unknown>) => void;
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** Old servers may say nothing at all to a question before the handshake. */
const SILENT_MS = 2_500;
const MODERN_ERRORS = new Set([-32020, -32021]);

/**
 * Finds out which era a process speaks: modern first, as only a modern server answers `server/discover`, else by the
 * handshake. One that is silent is offered both, because it may only be slow to start; what it takes counts.
 *
 * @param isLegacy known to be no modern one: it is not asked
 */
export async function agreeOnEra(newcomer: Newcomer, isLegacy: boolean): Promise<Era> {
  if (isLegacy) return shakeHands(newcomer);
  const discovered = newcomer.ask('server/discover', { _meta: OWN_META }).then(({ value }) => speaksModern(value));
  const isModern = await Promise.race([discovered, silence(newcomer)]);
  if (isModern !== undefined) return isModern ? 'modern' : shakeHands(newcomer);
  const shaken = shakeHands(newcomer);
  const late = discovered.then((isSo): Era | Promise<Era> => (isSo ? 'modern' : shaken));
  // Whichever says yes first. If neither does, the handshake tells why.
  return Promise.any([late, shaken]).catch(() => shaken);
}

async function shakeHands({ ask, tell, log }: Newcomer): Promise<Era> {
  const { value } = await ask(INITIALIZE.method, INITIALIZE.params);
  agreedVersion(value, log);
  tell({ method: 'notifications/initialized' });
  return 'legacy';
}

function silence({ deadlines }: Newcomer): Promise<undefined> {
  return new Promise((resolve) => void deadlines.add(SILENT_MS, () => resolve(undefined)));
}

function speaksModern({ result, error }: Record<string, unknown>): boolean {
  if (isObject(result))
    return Array.isArray(result['supportedVersions']) && result['supportedVersions'].includes(MODERN_VERSION);
  if (!isObject(error)) return false;
  const code = Number(error['code']);
  return code !== UNSUPPORTED_VERSION && MODERN_ERRORS.has(code);
}
