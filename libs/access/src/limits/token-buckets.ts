import type { Rate } from './limits.config.js';

/** A bucket that has been full for a while says the same as none, so the oldest ones may go. */
const MAX_BUCKETS = 100_000;
const LOOKS = 64;

/**
 * Token buckets by key, each kept as the one number that says all of it: when it will be full again (the generic cell
 * rate algorithm, ITU-T I.371). Exact: in any stretch of `t` seconds at most `burst + perSecond × t` are let through.
 */
export class TokenBuckets<K> {
  private readonly fullAt = new Map<K, number>();

  constructor(private readonly max = MAX_BUCKETS) {}

  get size(): number {
    return this.fullAt.size;
  }

  /** Milliseconds until the bucket holds a token; 0 if it does. Takes none. */
  waitOf(key: K, { perSecond, burst }: Rate, now: number): number {
    const known = this.fullAt.get(key);
    if (known === undefined || known <= now) return 0;
    const token = 1000 / perSecond;
    // No bucket is emptier than empty: a clock that was set back, or a limit that was lowered, costs no more than that.
    const fullAt = Math.min(known, now + burst * token);
    return Math.max(0, fullAt + token - now - burst * token);
  }

  /** Takes a token. To be asked for only where `waitOf` gives 0. */
  take(key: K, { perSecond, burst }: Rate, now: number): void {
    const token = 1000 / perSecond;
    const fullAt = Math.min(Math.max(this.fullAt.get(key) ?? 0, now) + token, now + burst * token);
    if (this.fullAt.size >= this.max && !this.fullAt.has(key)) this.makeRoom(now);
    this.fullAt.set(key, fullAt);
  }

  /** In bounded time: full ones among the oldest go first, and one in any case. */
  private makeRoom(now: number): void {
    let looked = 0;
    for (const [key, fullAt] of this.fullAt) {
      if (++looked > LOOKS) break;
      if (fullAt <= now) this.fullAt.delete(key);
    }
    if (this.fullAt.size >= this.max) this.fullAt.delete(this.fullAt.keys().next().value!);
  }
}
