import { Clock, type Json, type TenantId, isObject } from '#kernel';
import { SecretValues } from '#observability';
import { Injectable } from '@nestjs/common';
import type { TokenSet } from './token-key.js';

/** A request that carries a credential may end later than the credential is dropped, and be told of then. */
const LINGER_MS = 60_000;
/** Names of what is secret in what strategies keep besides tokens: of clients, their registrations, and cookies. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  ...['secret', 'client_secret', 'private_key', 'registration_access_token', 'password', 'value'],
]);
const MAX_DEPTH = 8;
/** A fifth of what is masked in all: whoever has more than that has it told, and nobody else pays for it. */
const MOST_OF_TENANT = 10_000;

/** What is masked of one credential. */
export interface Masked {
  readonly tenantId: TenantId;
  readonly values: readonly string[];
}

interface Left extends Masked {
  readonly at: number;
}

/** Has the values of credentials masked in everything that is written for people, while they are held and a minute after. */
@Injectable()
export class TokenSecrets {
  /** Oldest first. */
  private readonly left: Left[] = [];
  /** How many values of each tenant are masked. */
  private readonly counts = new Map<TenantId, number>();

  constructor(
    private readonly values: SecretValues,
    private readonly clock: Clock,
  ) {}

  remember(tenantId: TenantId, tokens: TokenSet): Masked {
    this.clear();
    const count = this.counts.get(tenantId) ?? 0;
    const values = secretsOf(tokens).slice(0, MOST_OF_TENANT - count);
    for (const value of values) this.values.remember(value);
    this.counts.set(tenantId, count + values.length);
    return { tenantId, values };
  }

  /** Once for each `remember`. */
  forget(masked: Masked): void {
    this.clear();
    this.left.push({ ...masked, at: this.clock.now() });
  }

  /** For what is only passed on. */
  note(tenantId: TenantId, tokens: TokenSet): void {
    this.forget(this.remember(tenantId, tokens));
  }

  private clear(): void {
    const before = this.clock.now() - LINGER_MS;
    const kept = this.left.findIndex(({ at }) => at > before);
    for (const { tenantId, values } of this.left.splice(0, kept === -1 ? this.left.length : kept)) {
      for (const value of values) this.values.forget(value);
      const count = this.counts.get(tenantId)! - values.length;
      if (count > 0) this.counts.set(tenantId, count);
      else this.counts.delete(tenantId);
    }
  }
}

/** The tokens first. */
function secretsOf({ accessToken, refreshToken, more }: TokenSet): readonly string[] {
  const others = more === undefined ? [] : secretTexts(more);
  return [accessToken, ...(refreshToken === undefined ? [] : [refreshToken]), ...others];
}

function secretTexts(value: Json, name = '', depth = 0): readonly string[] {
  if (typeof value === 'string') return SECRET_NAMES.has(name) ? [value] : [];
  if (depth === MAX_DEPTH) return [];
  if (Array.isArray(value)) return value.flatMap((each: Json) => secretTexts(each, name, depth + 1));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, each]) => secretTexts(each, key, depth + 1));
}
