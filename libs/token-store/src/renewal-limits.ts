import type { CredentialRecord } from './credential-record.js';
import type { TokenSet } from './token-key.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Renewals that are forced by refusals of what the member had never taken: one a minute, ten an hour. */
const FORCED_APART_MS = MINUTE;
const FORCED_PER_HOUR = 10;

/** Later than a database can tell is no time at all. */
const LONGEST_LIFE_MS = 10 * 365 * 24 * HOUR;

const FIRST_BACKOFF_MS = SECOND;
const LONGEST_BACKOFF_MS = 5 * MINUTE;
/** An issuer that wants to be left alone for longer is asked again after this. */
const LONGEST_WISH_MS = HOUR;

const AHEAD = { part: 0.1, leastMs: MINUTE, mostMs: 5 * MINUTE };
const JITTER_PART = 0.05;
const MOST_AHEAD_PART = 0.5;

/** Whether the issuer is not to be asked: a person has to consent before, or it wants to be left alone for a while. */
export function isBarred({ state, nextTryAt }: Pick<CredentialRecord, 'state' | 'nextTryAt'>, now: number): boolean {
  return state === 'reauth_required' || (nextTryAt !== undefined && nextTryAt > now);
}

/** The forced renewals of the last hour. */
export function recentlyForced({ forcedAt }: Pick<CredentialRecord, 'forcedAt'>, now: number): readonly number[] {
  return forcedAt.filter((at) => at > now - HOUR);
}

/** When a renewal may be forced again; in the past if it may be now. */
export function nextForcedAt(record: Pick<CredentialRecord, 'forcedAt'>, now: number): number {
  const recent = recentlyForced(record, now);
  const last = recent.at(-1) ?? -Infinity;
  const tenth = recent.at(-FORCED_PER_HOUR) ?? -Infinity;
  return Math.max(last + FORCED_APART_MS, tenth + HOUR);
}

/**
 * How long to leave the issuer alone after `attempts` failures in a row: somewhere between one second and twice as long
 * at each further failure, five minutes at most; not shorter than it asks for.
 *
 * @param random from 0 to 1, for each failure another one
 */
export function backoffMs(attempts: number, random: number, wishMs = 0): number {
  const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempts);
  const ms = FIRST_BACKOFF_MS + random * (longest - FIRST_BACKOFF_MS);
  return Math.max(ms, Math.min(wishMs, LONGEST_WISH_MS));
}

/**
 * How long before its end a credential is renewed: a tenth of its life, within one and five minutes, and up to a
 * twentieth more, for each credential another part of it. Never more than half of its life.
 *
 * @param id of the credential: many that were had together do not end together
 */
export function aheadMs(lifetimeMs: number, id: string): number {
  const margin = Math.min(AHEAD.mostMs, Math.max(AHEAD.leastMs, lifetimeMs * AHEAD.part));
  const jitter = lifetimeMs * JITTER_PART * shareOf(id);
  return Math.min(margin + jitter, lifetimeMs * MOST_AHEAD_PART);
}

/**
 * How long it lives, in milliseconds, ten years at most; undefined if the issuer does not say. What says that it ends at
 * once says nothing: some write 0 where they mean no end.
 */
export function lifetimeOf({ expiresInSeconds: seconds }: TokenSet): number | undefined {
  return seconds !== undefined && seconds > 0 ? Math.min(seconds * SECOND, LONGEST_LIFE_MS) : undefined;
}

/** From 0 to 1, always the same for one id. */
function shareOf(id: string): number {
  return Buffer.from(id, 'base64url').readUInt16BE(0) / 0xffff;
}
