import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenBuckets } from './token-buckets.js';

const rate = { perSecond: 10, burst: 5 };

function tryAt(buckets: TokenBuckets<string>, now: number, { of = rate, key = 'a' } = {}): boolean {
  if (buckets.waitOf(key, of, now) > 0) return false;
  buckets.take(key, of, now);
  return true;
}

/** What one bucket of the textbook does: so many tokens, refilled as time goes by. */
class TextbookBucket {
  private tokens: number;
  private at = 0;
  constructor(private readonly of: { perSecond: number; burst: number }) {
    this.tokens = of.burst;
  }
  tryAt(now: number): boolean {
    this.tokens = Math.min(this.of.burst, this.tokens + ((now - this.at) * this.of.perSecond) / 1000);
    this.at = now;
    if (this.tokens < 1 - 1e-9) return false;
    this.tokens -= 1;
    return true;
  }
}

describe('TokenBuckets', () => {
  it('let the burst through at once, and then one for each tenth of a second', () => {
    const buckets = new TokenBuckets<string>();
    expect(Array.from({ length: 7 }, () => tryAt(buckets, 1000))).toEqual([true, true, true, true, true, false, false]);
    expect(buckets.waitOf('a', rate, 1000)).toBe(100);
    expect(buckets.waitOf('a', rate, 1099)).toBe(1);
    expect([tryAt(buckets, 1099), tryAt(buckets, 1100), tryAt(buckets, 1100)]).toEqual([false, true, false]);
  });

  it('decide like a bucket of the textbook, whenever they are asked', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });
    const rates = fc.record({ perSecond: fc.constantFrom(1, 4, 10, 50, 1000), burst: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(gaps, rates, (waits, of) => {
        const [buckets, textbook] = [new TokenBuckets<string>(), new TextbookBucket(of)];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          expect(tryAt(buckets, now, { of })).toBe(textbook.tryAt(now));
        }
      }),
    );
  });

  it('keep keys apart', () => {
    const buckets = new TokenBuckets<string>();
    while (tryAt(buckets, 0));
    expect(tryAt(buckets, 0, { key: 'b' })).toBe(true);
  });

  it('make nobody wait longer than for one token because the clock was set back or the limit lowered', () => {
    const buckets = new TokenBuckets<string>();
    while (tryAt(buckets, 3_600_000));
    expect(buckets.waitOf('a', rate, 0)).toBe(100);
    expect(buckets.waitOf('a', { perSecond: 1, burst: 1 }, 3_600_000)).toBeLessThanOrEqual(1000);
  });

  it('keep a bounded number, and let full ones go before others', () => {
    const buckets = new TokenBuckets<string>(3);
    expect(tryAt(buckets, 0, { key: 'old' })).toBe(true);
    for (const key of ['x', 'y']) while (tryAt(buckets, 1000, { key }));
    expect(tryAt(buckets, 1000, { key: 'new' })).toBe(true);
    expect(buckets.size).toBe(3);
    expect(['x', 'y'].map((key) => buckets.waitOf(key, rate, 1000))).toEqual([100, 100]);
    for (let i = 0; i < 100; i++) tryAt(buckets, 1000, { key: `more-${i}` });
    expect(buckets.size).toBe(3);
  });
});
