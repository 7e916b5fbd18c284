import { createHash } from 'node:crypto';
import { isObject } from '#kernel';
import type { TokenKey } from '#token-store';
import { PrincipalMissingError } from './auth.errors.js';
import type { CredentialUse } from './credential-use.js';

export interface TokenKeyParts {
  /** The strategy's own name. */
  readonly strategy: string;
  /** What decides which credential the issuer gives, secrets included. Not how it is put on a request. */
  readonly settings: unknown;
  /** The issuer's identifier; where it has none, the address that the credential is had from, without its query. */
  readonly issuer: string;
  /** `token` unless given. */
  readonly kind?: TokenKey['kind'];
  /** Every principal has a credential of its own; false unless given. */
  readonly perPrincipal?: boolean;
}

/**
 * Names the stored credential of a use. Settings that differ in anything, another origin of the endpoint and a tool with
 * settings of its own each lead to another one, so that no credential is ever found by what it was not given for.
 * @throws PrincipalMissingError for a credential of single principals, if nobody is named: it never becomes a shared one
 */
export function tokenKeyFor(use: CredentialUse, parts: TokenKeyParts): TokenKey {
  const { strategy, settings, issuer, kind = 'token', perPrincipal = false } = parts;
  const { member, endpoint, principalId, tool = null } = use;
  if (perPrincipal && principalId === undefined) throw new PrincipalMissingError();
  return {
    tenantId: member.tenantId,
    serverId: member.serverId,
    kind,
    issuer,
    fingerprint: digestOf([strategy, settings, endpoint.origin, tool]),
    ...(perPrincipal && principalId !== undefined ? { principalId } : {}),
  };
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('base64url');
}

/** JSON in one spelling: names in order, nothing that is undefined. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
