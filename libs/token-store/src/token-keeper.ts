import { Clock } from '#kernel';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { CredentialStanding, LiveToken, TokenKey, TokenSet } from './token-key.js';

/**
 * Has a new credential from the issuer; `previous` is the one that it replaces, if there is one. Called by one process at
 * a time for each key. Must end by itself within 10 seconds. Rejects with `GrantRefusedError`, `ClientRefusedError` or
 * `IssuerUnavailableError`; anything else counts as the last one.
 */
export type Renew = (previous: TokenSet | undefined) => Promise<TokenSet>;

export interface CurrentOptions {
  /** The generation that the member has just refused: it is not given again. */
  readonly refused?: number;
}

/** What is left of a credential that is to be revoked at its issuer. */
export interface TakenCredential {
  readonly key: TokenKey;
  /** Absent if it could not be opened. */
  readonly tokens?: TokenSet;
}

/** Hands out live credentials, and has each one renewed once, however many callers and processes ask. */
@Injectable()
export class TokenKeeper {
  private readonly kept = new Map<string, LiveToken>();
  private readonly renewing = new Map<string, Promise<LiveToken>>();

  constructor(private readonly clock: Clock) {}

  /** A live credential: the stored one, or a new one. Rejects as `renew` does, and with `CredentialHeldError`. */
  async current(key: TokenKey, renew: Renew, { refused }: CurrentOptions = {}): Promise<LiveToken> {
    const id = idOf(key);
    const known = this.kept.get(id);
    if (known && known.generation !== refused && (known.expiresAt ?? Infinity) > this.clock.now()) return known;
    let renewing = this.renewing.get(id);
    if (!renewing) {
      renewing = renew(known?.tokens)
        .then((tokens) => this.keep(key, tokens))
        .finally(() => this.renewing.delete(id));
      this.renewing.set(id, renewing);
    }
    return renewing;
  }

  /** The stored credential, whatever its state; for what never expires, such as a client registration. */
  async find(key: TokenKey): Promise<LiveToken | undefined> {
    return this.kept.get(idOf(key));
  }

  /** Stores what a person's consent, or a registration, has given, in place of what was there. */
  async put(key: TokenKey, tokens: TokenSet, _by: Actor): Promise<LiveToken> {
    return this.keep(key, tokens);
  }

  /** The member has taken this generation: a later refusal of it buys a renewal at once. Cheap; may be called often. */
  noteAccepted(_key: TokenKey, _generation: number): void {
    // Counted by the store.
  }

  /** How the stored credentials of a server stand, `client` ones not among them. */
  async standings(_member: Pick<TokenKey, 'tenantId' | 'serverId'>): Promise<readonly CredentialStanding[]> {
    return [];
  }

  /** Removes what fits and hands it over, to be revoked at its issuer. What was taken is not handed out any more. */
  async take(_which: Partial<TokenKey> & Pick<TokenKey, 'tenantId'>, _by: Actor): Promise<readonly TakenCredential[]> {
    return [];
  }

  private keep(key: TokenKey, tokens: TokenSet): LiveToken {
    const { expiresInSeconds: seconds } = tokens;
    const generation = (this.kept.get(idOf(key))?.generation ?? 0) + 1;
    const live = {
      tokens,
      generation,
      ...(seconds === undefined ? {} : { expiresAt: this.clock.now() + seconds * 1000 }),
    };
    this.kept.set(idOf(key), live);
    return live;
  }
}

const idOf = ({ tenantId, serverId, kind, principalId, issuer, fingerprint }: TokenKey): string =>
  JSON.stringify([tenantId, serverId, kind, principalId ?? null, issuer, fingerprint]);
