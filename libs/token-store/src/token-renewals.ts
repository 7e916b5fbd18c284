import { Clock } from '#kernel';
import { Injectable } from '@nestjs/common';
import { ChangeWaits } from './change-waits.js';
import type { Sight } from './credential-record.js';
import { ROTATION_LOST, isClaimed } from './credential-rules.js';
import { type HeldClaim, RenewalClaims, leaseLeft } from './renewal-claims.js';
import { lifetimeOf } from './renewal-limits.js';
import { failureOf, refusalOf, tellable } from './renewal-failures.js';
import { StoredTokens, isDue } from './stored-tokens.js';
import { type LiveToken, type TokenKey, type TokenSet, credentialPlace } from './token-key.js';
import { CredentialHeldError, GrantRefusedError, IssuerUnavailableError } from './token-store.errors.js';
import { type Unsettled, UnsettledTokens } from './unsettled-tokens.js';

/** How long somebody waits for what another process does. */
const WAIT_MS = 45_000;
/** When a renewal counts as hung; it must end by itself within ten seconds. */
const HUNG_MS = 15_000;
/** The issuer's answer and the commit must come within the lease: with less of it left nothing is sent. */
const NEEDED_MS = 15_000;
/** How long a process must have seemed dead: its session may have been cut off, and come back. */
const GONE_MS = 500;
const LATE = Symbol('late');

export interface RenewalRequest {
  readonly key: TokenKey;
  /** As `Renew` of the keeper says. */
  readonly renew: (previous: TokenSet | undefined) => Promise<TokenSet>;
  readonly refused?: number | undefined;
  /** What there is still serves: nothing is waited for. */
  readonly isAhead: boolean;
}

/** When the owner of a claim was first found to be gone. */
interface Gone {
  readonly claim: string;
  readonly since: number;
}

/**
 * Comes by a credential that is worth sending: the stored one, the one that another process is having at the moment, or
 * a new one of the issuer. Of all processes one asks the issuer; it reads again with the claim, and keeps what it gets
 * before anybody uses it.
 */
@Injectable()
export class TokenRenewals {
  private readonly running = new Set<Promise<unknown>>();
  private isStopping = false;

  constructor(
    private readonly stored: StoredTokens,
    private readonly claims: RenewalClaims,
    private readonly unsettled: UnsettledTokens,
    private readonly waits: ChangeWaits,
    private readonly clock: Clock,
  ) {}

  /** Undefined only for what is asked for ahead of time, when there is nothing to do. Ends within a minute. */
  async run(request: RenewalRequest): Promise<LiveToken | undefined> {
    const { key, refused, isAhead } = request;
    const deadline = performance.now() + WAIT_MS;
    let gone: Gone | undefined;
    for (let turn = 0; ; turn++) {
      const own = await this.unsettledOf(key, refused);
      if (own) return own;
      const { sight, epoch } = await this.stored.look(key);
      if (sight && isWorthSending(sight, refused) && !(isAhead && isDue(sight))) return this.stored.hand(sight, epoch);
      const refusal = sight && refusalOf(sight.record, sight.now);
      if (refusal) throw refusal;
      gone = goneBy(sight, gone);
      if (!sight || !isClaimed(sight.record, sight.now) || (gone && performance.now() - gone.since >= GONE_MS)) {
        const claim = await this.claim(request, sight, gone);
        const live = claim && (await this.watched(this.renew(claim, request)));
        if (live) return live;
        turn = 0;
      }
      // What a process that has died left half done is finished now, and not only when it is missed.
      if (isAhead && !gone) return undefined;
      const left = deadline - performance.now();
      if (left <= 0) throw new IssuerUnavailableError('another process did not renew it in time');
      await this.waits.wait(key.tenantId, turn, left);
    }
  }

  /** Begins nothing any more, and waits for what is under way. */
  async stop(withinMs: number): Promise<void> {
    this.isStopping = true;
    await orLate(withinMs, Promise.allSettled(this.running));
  }

  /** What this process has had already, and the store has not. May have expired. */
  ownOf(place: string): LiveToken | undefined {
    return this.unsettled.find(place)?.live;
  }

  /** The same if it is worth sending. */
  private async unsettledOf(key: TokenKey, refused: number | undefined): Promise<LiveToken | undefined> {
    const place = credentialPlace(key);
    const live = this.ownOf(place);
    if (live && live.generation !== refused && (live.expiresAt ?? Infinity) > this.clock.now()) return live;
    await this.unsettled.settle(place); // or the one before it would be renewed a second time
    return undefined;
  }

  private async claim(request: RenewalRequest, sight: Sight | undefined, gone: Gone | undefined) {
    if (this.isStopping) throw new IssuerUnavailableError('the composer is stopping', { retryAfter: 1 });
    const isForced = sight !== undefined && sight.record.generation === request.refused && !hasExpired(sight);
    const of = gone === undefined ? {} : { of: gone.claim };
    const outcome = await this.claims.claim({ key: request.key, sight, isForced, ...of });
    if (outcome === 'missed') return undefined;
    if ('heldForMs' in outcome) throw new CredentialHeldError(Math.ceil(outcome.heldForMs / 1000));
    return outcome;
  }

  /** Undefined if what came of it is another process's to tell: read again. */
  private async renew(claim: HeldClaim, request: RenewalRequest): Promise<LiveToken | undefined> {
    const previous = await this.prepared(claim);
    if (leaseLeft(claim) < NEEDED_MS) {
      await this.claims.giveUp(claim, { kind: 'unsent', code: 'unsent' });
      return undefined;
    }
    const asking = Promise.resolve(previous).then(request.renew);
    const tokens = await orLate(HUNG_MS, asking).catch((error: unknown) =>
      this.explain(error, { claim, previous, request }),
    );
    if (tokens !== LATE) return tokens && this.keep(claim, previous, tokens);
    // The claim stays until its lease is over: the issuer may have answered, and may still.
    void this.watched(asking.then((late) => this.keep(claim, previous, late))).catch(() => undefined);
    return this.overtaken(claim, request);
  }

  /** A process that was suspended itself finds that another one has had it meanwhile. */
  private async overtaken({ record }: HeldClaim, { key, refused }: RenewalRequest): Promise<LiveToken | undefined> {
    const { sight, epoch } = await this.stored.look(key);
    const isNewer = sight !== undefined && sight.record.stamp !== record.stamp && isWorthSending(sight, refused);
    if (isNewer) return this.stored.hand(sight, epoch);
    throw new IssuerUnavailableError('timeout');
  }

  /** Opens what is to be renewed, and has everything at hand that is needed once the issuer has answered. */
  private async prepared(claim: HeldClaim): Promise<TokenSet | undefined> {
    try {
      await this.stored.prepare(claim.record.key);
      return await this.stored.open(claim.record);
    } catch (error) {
      await this.claims.giveUp(claim, { kind: 'unsent', code: 'unsent' });
      throw error;
    }
  }

  private async explain(
    error: unknown,
    { claim, previous, request }: { claim: HeldClaim; previous: TokenSet | undefined; request: RenewalRequest },
  ): Promise<undefined> {
    const failure = failureOf(error, {
      isLost: claim.isTakeover && previous?.refreshToken !== undefined,
      isSpent: request.refused === claim.record.generation,
    });
    // Without the store the claim ends with its lease, and the next one finds out again.
    const isTold = await this.claims.giveUp(claim, failure).catch(() => true);
    if (!isTold) return undefined;
    throw failure.code === ROTATION_LOST ? new GrantRefusedError(ROTATION_LOST, error) : tellable(error);
  }

  private async keep(
    held: HeldClaim,
    previous: TokenSet | undefined,
    received: TokenSet,
  ): Promise<LiveToken | undefined> {
    const { claim, record } = held;
    const receivedAt = this.clock.now();
    const tokens = whole(received, previous);
    this.stored.note(record.key, tokens);
    // A refresh token goes on as before; what is had without one, such as a session, is another thing each time.
    const lifetimeMs = lifetimeOf(tokens) ?? (previous?.refreshToken === undefined ? undefined : record.lifetimeMs);
    const live: LiveToken = {
      tokens,
      generation: record.generation + 1,
      ...(lifetimeMs === undefined ? {} : { expiresAt: receivedAt + lifetimeMs }),
    };
    const entry: Unsettled = { key: record.key, id: claim.id, stamp: record.stamp, lifetimeMs, receivedAt, live };
    const outcome = await this.unsettled.keep(entry).catch(async (error: unknown) => {
      await this.claims.giveUp(held, { kind: 'client', code: 'too_long' });
      throw error;
    });
    if (outcome === 'gone') throw new GrantRefusedError('revoked');
    if (outcome === 'moved' || outcome === 'replaced') return undefined;
    this.stored.keep(record.key, { stamp: claim.id, state: 'live', lifetimeMs }, live);
    return live;
  }

  private async watched<T>(work: Promise<T>): Promise<T> {
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }
}

/** RFC 6749, 6: without a new refresh token the one before stays; 5.1: without a scope it is the one before. */
function whole(received: TokenSet, previous: TokenSet | undefined): TokenSet {
  const { refreshToken = previous?.refreshToken, scope = previous?.scope } = received;
  const consent = previous?.consent;
  return {
    ...received,
    ...(consent === undefined ? {} : { consent }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(scope === undefined ? {} : { scope }),
  };
}

const hasExpired = ({ record, now }: Sight): boolean => record.expiresAt !== undefined && record.expiresAt <= now;

function isWorthSending(sight: Sight, refused: number | undefined): boolean {
  const { sealed, generation } = sight.record;
  return sealed !== undefined && generation !== refused && !hasExpired(sight);
}

function goneBy(sight: Sight | undefined, before: Gone | undefined): Gone | undefined {
  const claim = sight?.isOwnerGone ? sight.record.claim?.id : undefined;
  if (claim === undefined) return undefined;
  return before?.claim === claim ? before : { claim, since: performance.now() };
}

async function orLate<T>(ms: number, work: Promise<T>): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => (timer = setTimeout(() => resolve(LATE), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
