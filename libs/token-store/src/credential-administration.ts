import { randomUUID } from 'node:crypto';
import { Clock, type ServerId, type TenantId } from '#kernel';
import { Log } from '#observability';
import { CommitUnknownError, DatabaseUnavailableError, SealBrokenError } from '#persistence';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { connected, revoked } from './credential-events.js';
import type { CredentialRecord, Sight } from './credential-record.js';
import { isClaimed, putting } from './credential-rules.js';
import { lifetimeOf } from './renewal-limits.js';
import { StoredTokens } from './stored-tokens.js';
import { type CredentialStanding, type LiveToken, type TokenKey, type TokenSet, credentialPlace } from './token-key.js';
import { CredentialsBusyError } from './token-store.errors.js';
import { type StandingsWish, TokenStore, type Which } from './token-store.js';
import { UnsettledTokens } from './unsettled-tokens.js';

/** Somebody else has to be faster each time. */
const PUT_ATTEMPTS = 20;
/** Of one server; those that have changed last. */
const MAX_STANDINGS = 1_000;

/** What is left of a credential that is to be revoked at its issuer. */
export interface TakenCredential {
  readonly key: TokenKey;
  /** Absent if it could not be opened. */
  readonly tokens?: TokenSet;
}

interface Given {
  readonly key: TokenKey;
  readonly id: string;
  readonly tokens: TokenSet;
  readonly lifetimeMs: number | undefined;
  readonly receivedAt: number;
  readonly by: Actor;
}

/** What people do with credentials, and see of them. */
@Injectable()
export class CredentialAdministration {
  constructor(
    private readonly store: TokenStore,
    private readonly stored: StoredTokens,
    private readonly unsettled: UnsettledTokens,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** While the store is away it is used all the same, and stored later unless there is a newer one by then. */
  async put(key: TokenKey, received: TokenSet, by: Actor): Promise<LiveToken> {
    const tokens = key.kind === 'token' ? { ...received, consent: randomUUID() } : received;
    const lifetimeMs = lifetimeOf(tokens);
    const given = { key, id: randomUUID(), tokens, lifetimeMs, receivedAt: this.clock.now(), by };
    let before: CredentialRecord | undefined;
    try {
      for (let attempt = 1; attempt <= PUT_ATTEMPTS; attempt++) {
        before = (await this.stored.look(key)).sight?.record;
        if (!(await this.putAfter(before, given))) continue;
        await this.unsettled.drop(credentialPlace(key));
        return this.keepLive(given, before);
      }
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError || error instanceof CommitUnknownError)) throw error;
      const { tenantId: tenant, serverId: server } = key;
      this.log.warn('what was given could not be stored yet; it is used, and stored later', {
        tenant,
        server,
        err: error,
      });
      const live = this.keepLive(given, before);
      await this.unsettled.hold({ ...given, stamp: before?.stamp ?? '', live });
      return live;
    }
    throw new CredentialsBusyError();
  }

  private async putAfter(before: CredentialRecord | undefined, { tokens, by, ...given }: Given): Promise<boolean> {
    const { key, id, lifetimeMs } = given;
    const generation = (before?.generation ?? 0) + 1;
    const sealed = await this.stored.seal(key, generation, tokens);
    const event = connected({ key, generation }, by);
    const next = { key, id, sealed, generation, event, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) };
    return this.store.change(key, (look) => putting(look, next));
  }

  private keepLive(
    { key, id, tokens, lifetimeMs, receivedAt }: Given,
    before: CredentialRecord | undefined,
  ): LiveToken {
    const end = lifetimeMs === undefined ? {} : { expiresAt: receivedAt + lifetimeMs };
    const live = { tokens, generation: (before?.generation ?? 0) + 1, ...end };
    this.stored.keep(key, { stamp: id, state: 'live', lifetimeMs }, live);
    return live;
  }

  async standings(wish: StandingsWish): Promise<readonly CredentialStanding[]> {
    return (await this.store.list(wish, MAX_STANDINGS)).map(standingOf);
  }

  /**
   * @param use with what was taken: it is removed when this is over, and comes again a minute later when this rejects, when
   * one could not be opened for now, or when the process dies
   */
  async take<T>(which: Which, by: Actor, use: (taken: readonly TakenCredential[]) => Promise<T>): Promise<T> {
    const taken: TakenCredential[] = [];
    const over: TokenKey[] = [];
    for (;;) {
      const records = await this.store.take(which, (record) => revoked(record, by));
      if (records.length === 0) break;
      for (const record of records) {
        const { isLater, ...one } = await this.takenOf(record);
        // Where nothing was had yet there is nothing to revoke.
        if (record.generation > 0 || one.tokens) taken.push(one);
        if (!isLater) over.push(record.key);
      }
    }
    const result = await use(taken);
    await this.discard(which.tenantId, over);
    return result;
  }

  async resting(tenant: TenantId, forMs: number): Promise<readonly ServerId[]> {
    return this.store.resting(tenant, forMs);
  }

  private async takenOf(record: CredentialRecord): Promise<TakenCredential & { readonly isLater?: true }> {
    const { key } = record;
    const place = credentialPlace(key);
    this.stored.forget(place);
    try {
      const newer = (await this.unsettled.drop(place))?.live?.tokens;
      const tokens = newer ?? (await this.stored.open(record));
      return tokens ? { key, tokens } : { key };
    } catch (error) {
      const { tenantId: tenant, serverId: server } = key;
      this.log.warn('a credential that is out of use cannot be opened to be revoked', { tenant, server, err: error });
      return error instanceof SealBrokenError ? { key } : { key, isLater: true };
    }
  }

  private async discard(tenant: TenantId, keys: readonly TokenKey[]): Promise<void> {
    try {
      if (keys.length > 0) await this.store.discard(tenant, keys);
    } catch (error) {
      this.log.warn('credentials that are out of use could not be removed yet', { err: error });
    }
  }
}

/** Nothing was had of the issuer yet, and nothing speaks against it. */
const isYetToCome = ({ state, generation }: CredentialRecord): boolean => state === 'live' && generation === 0;

function standingOf({ record, now }: Sight): CredentialStanding {
  const { key, state, generation, expiresAt, heldUntil, nextTryAt, lastError, updatedAt } = record;
  const retryAt = state === 'held' ? heldUntil : nextTryAt;
  return {
    key,
    state: isClaimed(record, now) || isYetToCome(record) ? 'refreshing' : state,
    generation,
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
    ...(retryAt === undefined || retryAt <= now ? {} : { retryAt: new Date(retryAt) }),
    ...(lastError === undefined ? {} : { lastError }),
    updatedAt: new Date(updatedAt),
    ageMs: now - updatedAt,
  };
}
