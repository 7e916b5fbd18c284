import type { AuthAdapter } from '#auth';
import type { Fault } from '#kernel';
import { InvalidServerConfigError } from './registry.errors.js';
import {
  type SecretsByPlace,
  changedSecrets,
  destinationOf,
  dotted,
  splitSecrets,
  voidPlaces,
} from './server-config-secrets.js';
import type { ServerConfig } from './server-config.schema.js';

/** A configuration, and the places of it whose secret is void: they hold a stand-in that is never sent. */
export interface WithGaps {
  readonly config: ServerConfig;
  readonly lacking: readonly string[];
}

/** A stored secret goes only where it was entered for: of the kept ones, those that would go elsewhere from now on. */
export function carriedSecrets(
  auth: AuthAdapter,
  { before, config }: { readonly before: ServerConfig | undefined; readonly config: ServerConfig },
  kept: readonly string[],
): readonly string[] {
  const destination = (of: ServerConfig | undefined, place: string) => of && destinationOf(of, auth, place);
  return kept.filter((place) => destination(before, place) !== destination(config, place));
}

/**
 * That a secret is void is for the composer to say: whoever wants a server not to be called deactivates it.
 *
 * @param stored what is stored now, if anything is
 * @throws InvalidServerConfigError
 */
export function refuseForeignGaps(auth: AuthAdapter, wanted: unknown, stored?: unknown): void {
  const known = new Set(voidPlaces(stored, auth));
  const foreign = voidPlaces(wanted, auth).filter((place) => !known.has(place));
  if (foreign.length === 0) return;
  const message = 'has no stored value that could be kept: enter it';
  throw new InvalidServerConfigError(foreign.map((place): Fault => ({ path: dotted(place), message })));
}

/** The places whose secret becomes another one, is new, or goes, as paths. */
export function secretsChangedBy(
  auth: AuthAdapter,
  before: SecretsByPlace,
  { config, lacking }: WithGaps,
): readonly string[] {
  const { secrets } = splitSecrets(config, auth);
  return changedSecrets(before, new Map([...secrets].filter(([place]) => !lacking.includes(place))));
}

export function reentryText(places: readonly string[]): string {
  return `${places.map(dotted).join(', ')} must be entered again: it was entered for another address or placement`;
}
