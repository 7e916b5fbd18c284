import type { AuditEvent } from '#audit';
import type { Change, Claim, CredentialRecord, Look, Sight } from './credential-record.js';
import { connected, held, refreshed, refused } from './credential-events.js';
import { backoffMs, isBarred, nextForcedAt, recentlyForced } from './renewal-limits.js';
import type { TokenKey } from './token-key.js';

/** How long a claim holds: longer than the issuer may take to answer, and the store to keep the answer. */
export const LEASE_MS = 30_000;
/** How often the issuer is asked whether it takes the composer's client by now. */
const CLIENT_RETRY_MS = 60_000;
export const ROTATION_LOST = 'rotation_lost';

export interface ClaimWish {
  readonly key: TokenKey;
  readonly id: string;
  readonly owner?: number;
  /** The state that the wish is for; absent: there is no credential yet. */
  readonly stamp?: string;
  /** The member has refused what there is, although it has not expired. */
  readonly isForced: boolean;
  /** The member had taken it before, for all that this process knows. */
  readonly wasAccepted: boolean;
  /** The claim of a process that has died, which may be taken over before its time. */
  readonly of?: string;
}

/** What a claim was made for. */
export interface Claimed {
  readonly claim: Claim;
  /** As it was before: what is to be renewed. */
  readonly record: CredentialRecord;
  /** Somebody else had begun before and did not end it: whether the issuer has answered him is not known. */
  readonly isTakeover: boolean;
}

export type ClaimOutcome = Claimed | 'missed' | { readonly heldForMs: number };

/** Takes the right to renew, if nobody has it, nobody is to be left alone, and nothing has changed meanwhile. */
export function claiming(look: Look, wish: ClaimWish): Change<ClaimOutcome> {
  const { now } = look;
  const found = look.record;
  const own = found?.claim?.id === wish.id && isClaimed(found, now) ? ownAgain(found) : undefined;
  if (own) return { result: own };
  if (found?.stamp !== wish.stamp || (found && isBarred(found, now))) return { result: 'missed' };
  if (found && isClaimed(found, now) && !isAbandoned(look, wish.of)) return { result: 'missed' };
  const record = found ?? nothingYet(wish, now);
  const isCounted = wish.isForced && !wish.wasAccepted && record.acceptedGeneration !== record.generation;
  const allowedAt = isCounted ? nextForcedAt(record, now) : now;
  if (allowedAt > now) return holding(record, now, allowedAt);
  const claim = {
    id: wish.id,
    ...(wish.owner === undefined ? {} : { owner: wish.owner }),
    leaseUntil: now + LEASE_MS,
  };
  const forcedAt = isCounted ? [...recentlyForced(record, now), now] : record.forcedAt;
  const claimed = { ...record, claim, forcedAt, updatedAt: now };
  return { result: { claim, record, isTakeover: record.claim !== undefined }, record: claimed };
}

export interface Renewed {
  /** The claim under which it was had. */
  readonly id: string;
  /** The generation that it is to replace. */
  readonly stamp: string;
  /** For the next generation. */
  readonly sealed: string;
  /** The number of that; absent if it is not known any more. */
  readonly generation?: number;
  /** Absent if the issuer does not say. */
  readonly lifetimeMs?: number;
  /** How long ago it was received. */
  readonly ageMs: number;
}

/**
 * `stored`: by this call, or before. `moved`: there is a newer one. `busy`: somebody else is renewing it. `gone`: it was
 * removed. `replaced`: it was removed, and another one was begun in its place.
 */
export type KeepOutcome = 'stored' | 'moved' | 'busy' | 'gone' | 'replaced';

/** Keeps what the issuer has given: the fence is the generation, whoever has the claim. */
export function keeping(look: Look, renewed: Renewed): Change<KeepOutcome> {
  const { id, stamp, sealed, generation, lifetimeMs, ageMs } = renewed;
  const { record, now } = look;
  if (!record) return { result: 'gone' };
  if (record.stamp === id) return { result: 'stored' };
  if (record.stamp !== stamp) {
    // Generations only count up, until a credential is removed.
    const isAnother = generation !== undefined && record.generation < generation;
    return { result: isAnother ? 'replaced' : 'moved' };
  }
  if (record.claim?.id !== id && isClaimed(record, now)) return { result: 'busy' };
  const next: CredentialRecord = {
    ...quiet(record),
    state: 'live',
    generation: record.generation + 1,
    stamp: id,
    sealed,
    ...endOf(lifetimeMs, now - ageMs),
    updatedAt: now,
  };
  const event = record.generation === 0 ? connected(next) : refreshed(next);
  return { result: 'stored', record: next, events: [event], isNews: true };
}

/** Why there is no new credential. `unsent`: the issuer was not asked. */
export interface Failure {
  readonly kind: 'grant' | 'client' | 'issuer' | 'unsent';
  readonly code: string;
  readonly retryAfterMs?: number;
  /** What there is was refused by the member, so that it is of no use any more. */
  readonly isSpent?: boolean;
}

/** Gives the claim back, and says why. False if it was lost meanwhile: then the state is another one's to tell. */
export function failing(look: Look, { claim, record: before }: Claimed, failure: Failure): Change<boolean> {
  const { record, now } = look;
  if (!record || record.stamp !== before.stamp || record.claim?.id !== claim.id) return { result: false };
  const { claim: _, ...free } = { ...record, updatedAt: now };
  const next = failed(free, failure, now);
  const isOther = next.state !== record.state || next.lastError !== record.lastError;
  const isRefusal = failure.kind === 'grant' || failure.kind === 'client';
  const events: readonly AuditEvent[] = isRefusal && isOther ? [refused(next, failure.code)] : [];
  return { result: true, record: next, events, isNews: true };
}

/** The member has taken this generation. */
export function accepting({ record, now }: Look, generation: number): Change<boolean> {
  if (!record || record.generation !== generation || record.acceptedGeneration === generation) {
    return { result: false };
  }
  if (record.state !== 'held') return { result: true, record: { ...record, acceptedGeneration: generation } };
  const { heldUntil: _, ...free } = record;
  const next: CredentialRecord = { ...free, state: 'live', acceptedGeneration: generation, updatedAt: now };
  return { result: true, record: next, isNews: true };
}

export interface Given {
  readonly key: TokenKey;
  readonly id: string;
  readonly sealed: string;
  readonly generation: number;
  readonly lifetimeMs?: number;
  /** How long ago it was received; just now if absent. */
  readonly ageMs?: number;
  readonly event: AuditEvent;
}

/** Puts what a person or a registration has given in place of what there is; whoever renews that one has lost. */
export function putting(
  { record, now }: Look,
  { key, id, sealed, generation, lifetimeMs, ageMs = 0, event }: Given,
): Change<boolean> {
  if ((record?.generation ?? 0) + 1 !== generation) return { result: false };
  const next: CredentialRecord = {
    key,
    state: 'live',
    generation,
    stamp: id,
    sealed,
    ...endOf(lifetimeMs, now - ageMs),
    acceptedGeneration: 0,
    forcedAt: [],
    attempts: 0,
    updatedAt: now,
  };
  return { result: true, record: next, events: [event], isNews: true };
}

export interface GivenBefore extends Given {
  /** Of the generation that was there when it was given; empty if there was none, or nobody could look. */
  readonly stamp: string;
  readonly ageMs: number;
}

/** The same of what could not be put when it was given. `busy`: it is to be sealed for another generation. */
export function puttingLate(look: Look, given: GivenBefore): Change<KeepOutcome> {
  const { record, now } = look;
  if (record?.stamp === given.id) return { result: 'stored' };
  if (!record && given.stamp !== '') return { result: 'gone' };
  const isNewer = record && record.stamp !== given.stamp && record.updatedAt > now - given.ageMs;
  if (isNewer) return { result: 'moved' };
  const { result, ...change } = putting(look, given);
  return { ...change, result: result ? 'stored' : 'busy' };
}

/** Somebody is renewing it, and his time is not over. */
export function isClaimed({ claim }: Pick<CredentialRecord, 'claim'>, now: number): boolean {
  return claim !== undefined && claim.leaseUntil > now;
}

const isAbandoned = ({ record, isOwnerGone }: Sight, of: string | undefined): boolean =>
  isOwnerGone && record.claim?.id === of;

/** A store may have lost count of whether it has taken a change: what was claimed is not claimed from oneself. */
function ownAgain({ claim, ...record }: CredentialRecord): Claimed {
  return { claim: claim!, record, isTakeover: false };
}

function nothingYet({ key, id }: ClaimWish, now: number): CredentialRecord {
  return {
    key,
    state: 'live',
    generation: 0,
    stamp: `${id} begun`,
    acceptedGeneration: -1,
    forcedAt: [],
    attempts: 0,
    updatedAt: now,
  };
}

function holding(record: CredentialRecord, now: number, until: number): Change<ClaimOutcome> {
  const result = { heldForMs: until - now };
  if (record.state === 'held' && record.heldUntil === until) return { result };
  const next: CredentialRecord = { ...record, state: 'held', heldUntil: until, updatedAt: now };
  return { result, record: next, events: record.state === 'held' ? [] : [held(next)], isNews: true };
}

function failed(
  record: CredentialRecord,
  { kind, code, retryAfterMs, isSpent }: Failure,
  now: number,
): CredentialRecord {
  const end = isSpent ? { expiresAt: Math.min(record.expiresAt ?? now, now) } : {};
  switch (kind) {
    case 'unsent':
      return record;
    case 'grant':
      return { ...record, ...end, state: 'reauth_required', lastError: code };
    case 'client':
      return { ...record, state: 'config_error', nextTryAt: now + CLIENT_RETRY_MS, lastError: code };
    case 'issuer': {
      const attempts = record.attempts + 1;
      const nextTryAt = now + backoffMs(attempts, Math.random(), retryAfterMs);
      // It says nothing of the client any more.
      const state = record.state === 'config_error' ? 'live' : record.state;
      return { ...record, state, attempts, nextTryAt, lastError: code };
    }
  }
}

/** Without what failures and claims have left behind. */
function quiet(record: CredentialRecord): CredentialRecord {
  const { claim: _c, heldUntil: _h, nextTryAt: _n, lastError: _l, expiresAt: _e, lifetimeMs: _t, ...rest } = record;
  return { ...rest, attempts: 0 };
}

const endOf = (lifetimeMs: number | undefined, from: number) =>
  lifetimeMs === undefined ? {} : { lifetimeMs, expiresAt: from + lifetimeMs };
