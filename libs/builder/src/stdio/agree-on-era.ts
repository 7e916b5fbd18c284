import { isObject } from '#kernel';
import type { Log } from '#observability';
import type { ClientFlag } from '../client-facts.js';
import { agreedVersion, initializeWith } from '../mcp/handshake.js';
import { MODERN_VERSION } from '../mcp/mcp-protocol.js';
import { OWN_META } from '../mcp/own-meta.js';
import { type ServerFacts, factsIn } from '../mcp/server-facts.js';
import type { Era } from '../member.js';
import type { Deadlines } from '../wire/deadlines.js';

/** A process that was just started. */
export interface Newcomer {
  readonly ask: (
    method: string,
    params: Readonly<Record<string, unknown>>,
  ) => Promise<{ readonly value: Record<string, unknown> }>;
  readonly tell: (message: Record<string, unknown>) => void;
  /** What it may ask in the session. */
  readonly declares: readonly ClientFlag[];
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** What was agreed on, and what the process said of itself. */
export interface Agreement {
  readonly era: Era;
  readonly facts: ServerFacts;
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
export async function agreeOnEra(newcomer: Newcomer, isLegacy: boolean): Promise<Agreement> {
  if (isLegacy) return shakeHands(newcomer);
  const discovered = newcomer.ask('server/discover', { _meta: OWN_META }).then(({ value }) => modernIn(value));
  const found = await Promise.race([discovered, silence(newcomer)]);
  if (found !== 'silent') return found ?? shakeHands(newcomer);
  const shaken = shakeHands(newcomer);
  const late = discovered.then((modern) => modern ?? shaken);
  // Whichever says yes first. If neither does, the handshake tells why.
  return Promise.any([late, shaken]).catch(() => shaken);
}

async function shakeHands({ ask, tell, declares, log }: Newcomer): Promise<Agreement> {
  const { method, params } = initializeWith(declares);
  const { value } = await ask(method, params);
  agreedVersion(value, log);
  tell({ method: 'notifications/initialized' });
  return { era: 'legacy', facts: factsIn(value['result']) };
}

function silence({ deadlines }: Newcomer): Promise<'silent'> {
  return new Promise((resolve) => void deadlines.add(SILENT_MS, () => resolve('silent')));
}

/** Undefined: it is no modern server, or one of other revisions. */
function modernIn({ result, error }: Record<string, unknown>): Agreement | undefined {
  if (isObject(result)) {
    const { supportedVersions } = result;
    const isOurs = Array.isArray(supportedVersions) && supportedVersions.includes(MODERN_VERSION);
    return isOurs ? { era: 'modern', facts: factsIn(result) } : undefined;
  }
  const isModern = isObject(error) && MODERN_ERRORS.has(Number(error['code']));
  return isModern ? { era: 'modern', facts: factsIn(undefined) } : undefined;
}
