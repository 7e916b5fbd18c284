import { Clock, ComposerError, type ServerId, type TenantId } from '#kernel';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { CredentialAdministration, type TakenCredential } from './credential-administration.js';
import { StoredTokens } from './stored-tokens.js';
import { type CredentialStanding, type LiveToken, type TokenKey, type TokenSet, credentialPlace } from './token-key.js';
import { AcceptedNotes } from './accepted-notes.js';
import { TokenRenewals } from './token-renewals.js';
import { GrantRefusedError, IssuerUnavailableError } from './token-store.errors.js';
import type { StandingsWish, Which } from './token-store.js';

/**
 * Has a new credential from the issuer; `previous` is the one that it replaces, if there is one. Called by one process at
 * a time for each key. Must end by itself within 10 seconds. Rejects with `GrantRefusedError`, `ClientRefusedError` or
 * `IssuerUnavailableError`; anything else counts as the last one, but for errors with a status below 500: those are
 * handed on, and say that the issuer was not asked.
 */
export type Renew = (previous: TokenSet | undefined) => Promise<TokenSet>;

export interface CurrentOptions {
  /** The generation that the member has just refused: it is not given again. */
  readonly refused?: number;
}

interface Wanted extends CurrentOptions {
  readonly key: TokenKey;
  readonly place: string;
  readonly renew: Renew;
}

interface Flight {
  readonly work: Promise<LiveToken | undefined>;
  /** The last change that was known when it began. */
  readonly epoch: number;
}

/** How soon something that failed ahead of time is tried again; the store says when the issuer is asked again. */
const REVIEW_MS = 1_000;
/** Only a person can change that, and what is put is told. */
const REFUSED_REVIEW_MS = 60_000;
/** How many renewals of others somebody waits for before he gives up. */
const MAX_TURNS = 5;

/** Hands out live credentials, and has each one renewed once, however many callers and processes ask. */
@Injectable()
export class TokenKeeper {
  /** What is being had at the moment: one for each credential, whoever wants it. */
  private readonly flights = new Map<string, Flight>();
  private isQuiet = false;

  constructor(
    private readonly stored: StoredTokens,
    private readonly renewals: TokenRenewals,
    private readonly notes: AcceptedNotes,
    private readonly administration: CredentialAdministration,
    private readonly clock: Clock,
  ) {}

  /**
   * A live credential: the stored one, or a new one. Takes microseconds where one is known, and a minute at most. Rejects
   * as `renew` does, and with `CredentialHeldError`; with `GrantRefusedError` until `put` once the issuer has refused the
   * grant.
   */
  async current(key: TokenKey, renew: Renew, { refused }: CurrentOptions = {}): Promise<LiveToken> {
    const place = credentialPlace(key);
    const known = this.stored.find(place);
    const now = this.clock.now();
    if (known && known.live.generation !== refused && (known.live.expiresAt ?? Infinity) > now) {
      if (known.reviewAt <= now) this.review({ key, place, renew });
      return known.live;
    }
    const live = await this.obtain({ key, place, renew, ...(refused === undefined ? {} : { refused }) });
    if ((this.stored.find(place)?.reviewAt ?? Infinity) <= this.clock.now()) this.review({ key, place, renew });
    return live;
  }

  /** The stored credential, whatever its state; for what never expires, such as a client registration. */
  async find(key: TokenKey): Promise<LiveToken | undefined> {
    const place = credentialPlace(key);
    const known = this.stored.find(place)?.live ?? this.renewals.ownOf(place);
    if (known) return known;
    const { sight, epoch } = await this.stored.look(key);
    return sight && this.stored.hand(sight, epoch);
  }

  /** Stores what a person's consent, or a registration, has given, in place of what was there. */
  async put(key: TokenKey, tokens: TokenSet, by: Actor): Promise<LiveToken> {
    return this.administration.put(key, tokens, by);
  }

  /** The member has taken this generation: a later refusal of it buys a renewal at once. Cheap; may be called often. */
  noteAccepted(key: TokenKey, generation: number): void {
    this.notes.note(key, generation);
  }

  /** How the stored credentials of a server stand, `client` ones not among them: a thousand at most. */
  async standings(wish: StandingsWish): Promise<readonly CredentialStanding[]> {
    return this.administration.standings(wish);
  }

  /** Removes what fits and hands it over, to be revoked at its issuer. What was taken is not handed out any more. */
  async take(which: Which, by: Actor): Promise<readonly TakenCredential[]> {
    return this.administration.take(which, by, async (taken) => taken);
  }

  /**
   * Takes what fits out of use, and removes it when `revoke` is over; when that rejects, or the process dies, whoever takes
   * it a minute later gets it again.
   */
  async withdraw<T>(which: Which, by: Actor, revoke: (taken: readonly TakenCredential[]) => Promise<T>): Promise<T> {
    return this.administration.take(which, by, revoke);
  }

  /** The servers of a tenant that have credentials which have not changed for so long, in milliseconds. */
  async resting(tenant: TenantId, forMs: number): Promise<readonly ServerId[]> {
    return this.administration.resting(tenant, forMs);
  }

  /** Looks after nothing ahead of time any more; whoever needs a credential still gets it. */
  quiesce(): void {
    this.isQuiet = true;
  }

  private async obtain(wanted: Wanted): Promise<LiveToken> {
    const { epoch } = this.stored;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const running = this.flights.get(wanted.place);
      if (!running) return (await this.depart(wanted, false))!;
      const live = await running.work;
      // What was read before a change serves nobody who came after it.
      if (running.epoch < epoch && this.stored.find(wanted.place)?.live !== live) continue;
      if (live && live.generation !== wanted.refused && (live.expiresAt ?? Infinity) > this.clock.now()) return live;
    }
    throw new IssuerUnavailableError('what it gives ends at once');
  }

  /** In the background, while what there is still serves. */
  private review(wanted: Wanted): void {
    if (this.isQuiet || this.flights.has(wanted.place)) return;
    void this.depart(wanted, true);
  }

  private depart({ key, place, renew, refused }: Wanted, isAhead: boolean): Promise<LiveToken | undefined> {
    const run = this.renewals.run({ key, renew, refused, isAhead });
    const work = isAhead ? this.ahead(place, run) : run;
    const flight = { work: work.finally(() => this.flights.delete(place)), epoch: this.stored.epoch };
    this.flights.set(place, flight);
    return flight.work;
  }

  private async ahead(place: string, run: Promise<LiveToken | undefined>): Promise<LiveToken | undefined> {
    try {
      const live = await run;
      this.stored.rest(place, REVIEW_MS);
      return live;
    } catch (error) {
      // Whoever needs it will hear of it; what there is serves until its end.
      const seconds = error instanceof ComposerError ? error.retryAfter : undefined;
      const ms = seconds === undefined ? REVIEW_MS * (1 + 2 * Math.random()) : seconds * 1_000;
      this.stored.rest(place, error instanceof GrantRefusedError ? REFUSED_REVIEW_MS : ms);
      return undefined;
    }
  }
}
