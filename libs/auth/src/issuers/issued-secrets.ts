import { SecretValues } from '#observability';
import type { TokenKey } from '#token-store';
import { Injectable } from '@nestjs/common';

const MOST_CREDENTIALS = 10_000;

interface Held {
  readonly generation: number;
  readonly values: readonly string[];
}

/**
 * Secrets that come with the answers of members, such as cookies that change: masked in everything that is written for
 * people. What issuers have given is remembered by the keeper.
 */
@Injectable()
export class IssuedSecrets {
  /** The longest unused first. */
  private readonly held = new Map<string, Held>();

  constructor(private readonly secrets: SecretValues) {}

  /** From now on the credential is made of these values. Does nothing if a later generation was told before. */
  keep(key: TokenKey, { generation, values }: Held): void {
    const id = JSON.stringify([key.tenantId, key.serverId, key.principalId ?? null, key.issuer, key.fingerprint]);
    if ((this.held.get(id)?.generation ?? 0) > generation) return;
    for (const value of values) this.secrets.remember(value);
    this.drop(id);
    this.held.set(id, { generation, values });
    if (this.held.size > MOST_CREDENTIALS) this.drop(this.held.keys().next().value!);
  }

  private drop(id: string): void {
    for (const value of this.held.get(id)?.values ?? []) this.secrets.forget(value);
    this.held.delete(id);
  }
}
