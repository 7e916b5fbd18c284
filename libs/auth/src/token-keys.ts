import { isObject } from '#kernel';
import { Fingerprints, type TokenKey } from '#token-store';
import { Injectable } from '@nestjs/common';
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
 */
@Injectable()
export class TokenKeys {
  constructor(private readonly fingerprints: Fingerprints) {}

  /** @throws PrincipalMissingError for a credential of single principals, if nobody is named: it never becomes a shared one */
  async of(use: CredentialUse, parts: TokenKeyParts): Promise<TokenKey> {
    return keyOf(use, parts, await this.fingerprint(use, parts));
  }

  /** The same without waiting, if that is possible. Throws as `of` does. */
  peek(use: CredentialUse, parts: TokenKeyParts): TokenKey | undefined {
    const fingerprint = this.fingerprints.peek(use.member.tenantId, textOf(use, parts));
    return fingerprint === undefined ? undefined : keyOf(use, parts, fingerprint);
  }

  /** What every credential of these settings has in its name, whoever's it is and whichever issuer has given it. */
  async fingerprint(use: CredentialUse, parts: Pick<TokenKeyParts, 'strategy' | 'settings'>): Promise<string> {
    return this.fingerprints.of(use.member.tenantId, textOf(use, parts));
  }
}

function keyOf(use: CredentialUse, parts: TokenKeyParts, fingerprint: string): TokenKey {
  const { issuer, kind = 'token', perPrincipal = false } = parts;
  const { member, principalId } = use;
  if (perPrincipal && principalId === undefined) throw new PrincipalMissingError(member.serverId);
  return {
    tenantId: member.tenantId,
    serverId: member.serverId,
    kind,
    issuer,
    fingerprint,
    ...(perPrincipal && principalId !== undefined ? { principalId } : {}),
  };
}

/** JSON in one spelling: names in order, nothing that is undefined. */
function textOf(
  { endpoint, tool }: CredentialUse,
  { strategy, settings }: Pick<TokenKeyParts, 'strategy' | 'settings'>,
): string {
  return JSON.stringify([strategy, settings, endpoint.origin, tool ?? null], (_, part: unknown) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
