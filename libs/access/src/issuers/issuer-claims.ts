import { createHash } from 'node:crypto';
import { type PrincipalId, isObject, principalId } from '#kernel';
import type { ExternalIdentity } from '../principals/principal.store.js';
import type { IssuerSettings } from './issuer.store.js';

/** What an issuer says of somebody: in a token, or when it was asked. */
export type Claims = Readonly<Record<string, unknown>>;

const MAX_VALUES = 500;
const MAX_NAME = 200;
/** OpenID Connect Core 1.0, 5.1, and RFC 7662, 2.2, in the order in which they tell people apart. */
const NAMES = ['email', 'preferred_username', 'username', 'name'];

/** A claim of that name, also one with dots in it; else the place that the dots lead to: `realm_access.roles`. */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split('.').reduce<unknown>((place, step) => {
    return isObject(place) && Object.hasOwn(place, step) ? place[step] : undefined;
  }, claims);
}

/** What the claim that names roles holds: one text, which is not taken apart, or a list of them. */
export function roleValuesOf(claims: Claims, { roles_claim: name }: IssuerSettings): readonly string[] {
  return name === undefined ? [] : textsOf(claimAt(claims, name)).slice(0, MAX_VALUES);
}

/** The roles of whoever comes with these values. `operator` is none of them: settings cannot name it, and here it cannot come in by any other way either. */
export function rolesFor({ role_map, default_roles }: IssuerSettings, values: readonly string[]): readonly string[] {
  const mapped = values.flatMap((value) => (Object.hasOwn(role_map, value) ? [role_map[value]!] : []));
  return [...new Set([...default_roles, ...mapped])].filter((role) => role !== 'operator');
}

/** What people call them, on one line; undefined if the claims say nothing of it. */
export function nameOf(claims: Claims): string | undefined {
  const names = NAMES.map((claim) => claims[claim]).filter((value) => typeof value === 'string');
  return names
    .map((name) =>
      name
        .replace(/\p{C}+/gu, ' ')
        .trim()
        .slice(0, MAX_NAME),
    )
    .find((name) => name !== '');
}

/** The same for the same identity, in every process and however it comes for the first time: so that nobody becomes two. */
export function principalIdOf({ issuer, subject }: ExternalIdentity): PrincipalId {
  return principalId(`u_${createHash('sha256').update(`${issuer}\n${subject}`).digest('base64url').slice(0, 22)}`);
}

/** One text or a list of them. */
export function textsOf(value: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((one): one is string => typeof one === 'string' && one !== '');
}
