import type { AuthAdapter } from '#auth';
import { type Fault, isObject } from '#kernel';
import { type ServerConfig, endpointOf } from './server-config.schema.js';

/** Stands in the place of a secret wherever a configuration is shown; sending it back keeps the stored value. */
export const SECRET_MARKER = { set: true } as const;

/**
 * Stands in the place of a secret that was entered for another address or placement, and so is void: it is gone, and the
 * server is not called until it is entered again. Sending it back changes nothing.
 */
export const VOID_MARKER = { set: false } as const;

/** Settings that say who somebody is, or what is asked for, and never where a secret goes. */
const PLACELESS: ReadonlySet<string> = new Set(['username', 'client_id', 'id', 'scope', 'identity']);

/** Secret values by their place, a JSON pointer (RFC 6901) into the configuration. */
export type SecretsByPlace = ReadonlyMap<string, string>;

/** The settings that can hold secrets. */
const HOLDERS = ['headers', 'env', 'auth', 'tool_auth'];

type Raw = Record<string, unknown>;
type AuthBlock = Pick<ServerConfig, 'auth_strategy' | 'auth'>;

/** The places of a configuration that hold secrets. Works on unchecked input too: what does not fit holds none. */
export function secretPlaces(config: unknown, auth: AuthAdapter): string[] {
  if (!isObject(config)) return [];
  const places = ['headers', 'env'].flatMap((of) => keysOf(config[of]).map((name) => pointer(of, name)));
  places.push(...authPlaces(config, auth, []));
  for (const tool of keysOf(config['tool_auth'])) {
    places.push(...authPlaces((config['tool_auth'] as Raw)[tool], auth, ['tool_auth', tool]));
  }
  return places;
}

/** Takes the secrets out: the configuration with markers in their places, and the values by place. */
export function splitSecrets(config: ServerConfig, auth: AuthAdapter): { shown: Raw; secrets: SecretsByPlace } {
  const shown = copyOf(config) as Raw;
  const secrets = new Map<string, string>();
  for (const place of secretPlaces(shown, auth)) {
    const value = read(shown, place);
    if (typeof value !== 'string') continue;
    secrets.set(place, value);
    write(shown, place, SECRET_MARKER);
  }
  return { shown, secrets };
}

/** Puts stored secrets back in the places of markers. A marker without a stored value is a fault. */
export function restoreSecrets(
  config: unknown,
  auth: AuthAdapter,
  stored: SecretsByPlace,
): { config: unknown; kept: readonly string[]; faults: readonly Fault[] } {
  const restored = copyOf(config);
  const kept: string[] = [];
  const faults: Fault[] = [];
  for (const place of secretPlaces(restored, auth)) {
    const value = read(restored, place);
    if (!isMarker(value)) continue;
    const secret = stored.get(place);
    if (secret === undefined) {
      faults.push({ path: dotted(place), message: 'has no stored value that could be kept: enter it' });
      continue;
    }
    write(restored, place, secret);
    kept.push(place);
  }
  return { config: restored, kept, faults };
}

/**
 * Where the secret at a place goes: to a process, which is all that is said of it besides; else the origin that is called, and the way its own credential is put on a request.
 * A stored secret is kept only while this stays the same, so that nobody can have it sent to another address.
 */
export function destinationOf(config: ServerConfig, auth: AuthAdapter, place: string): string {
  if (config.type === 'stdio') {
    const { command, args, cwd, env } = config;
    const others = Object.entries(env).filter(([name]) => pointer('env', name) !== place);
    return JSON.stringify([command, args, cwd, others.sort()]);
  }
  return JSON.stringify([new URL(endpointOf(config)).origin, placementOf(blockOf(config, place), auth)]);
}

/** The credential that a secret is part of; a static header is none. */
function blockOf(config: ServerConfig, place: string): AuthBlock | undefined {
  const { parents } = steps(place);
  if (parents[0] === 'tool_auth') return config.tool_auth[parents[1]!];
  return parents[0] === 'auth' ? config : undefined;
}

function placementOf(block: AuthBlock | undefined, auth: AuthAdapter): unknown {
  if (!block) return undefined;
  const secret = new Set(auth.secretsOf(block.auth_strategy));
  const settings = Object.entries(block.auth).filter(([key]) => !secret.has(key) && !PLACELESS.has(key));
  return [block.auth_strategy, settings.sort()];
}

/** The places whose secret is void. */
export function voidPlaces(config: unknown, auth: AuthAdapter): string[] {
  return secretPlaces(config, auth).filter((place) => isMarker(read(config, place), VOID_MARKER));
}

/** The same configuration with `value` in these places. */
export function withPlaces(config: unknown, places: Iterable<string>, value: unknown): unknown {
  const changed = copyOf(config);
  for (const place of places) write(changed, place, value);
  return changed;
}

/** The places whose secret is another one, new or gone, as paths. */
export function changedSecrets(before: SecretsByPlace, after: SecretsByPlace): string[] {
  const places = new Set([...before.keys(), ...after.keys()]);
  return [...places]
    .filter((place) => before.get(place) !== after.get(place))
    .map(dotted)
    .sort();
}

export function dotted(place: string): string {
  return place.slice(1).split('/').map(unescape).join('.');
}

/** A copy whose secrets can be replaced. What can hold none, such as a document of megabytes, is shared, and never changed. */
function copyOf(config: unknown): unknown {
  if (!isObject(config)) return config;
  const held = HOLDERS.filter((key) => Object.hasOwn(config, key)).map((key) => [key, structuredClone(config[key])]);
  return { ...config, ...Object.fromEntries(held) };
}

function authPlaces(holder: unknown, auth: AuthAdapter, path: readonly string[]): string[] {
  if (!isObject(holder) || !isObject(holder['auth'])) return [];
  const present = new Set(Object.keys(holder['auth']));
  const named = holder['auth_strategy'];
  const secret = auth.secretsOf(typeof named === 'string' ? named : 'none');
  return secret.filter((key) => present.has(key)).map((key) => pointer(...path, 'auth', key));
}

function isMarker(value: unknown, { set }: { readonly set: boolean } = SECRET_MARKER): boolean {
  return isObject(value) && value['set'] === set && Object.keys(value).length === 1;
}

function keysOf(value: unknown): string[] {
  return isObject(value) ? Object.keys(value) : [];
}

function pointer(...path: readonly string[]): string {
  return path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const unescape = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');

function steps(place: string): { parents: string[]; last: string } {
  const parents = place.slice(1).split('/').map(unescape);
  return { last: parents.pop()!, parents };
}

function read(config: unknown, place: string): unknown {
  const { parents, last } = steps(place);
  const holder = parents.reduce<unknown>((value, step) => (isObject(value) ? value[step] : undefined), config);
  return isObject(holder) ? holder[last] : undefined;
}

function write(config: unknown, place: string, value: unknown): void {
  const { parents, last } = steps(place);
  const holder = parents.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), config);
  if (isObject(holder)) holder[last] = value;
}
