import { Clock } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { FreshCache } from './fresh-cache.js';

class MovedClock extends Clock {
  at = 1_000_000;
  override now(): number {
    return this.at;
  }
}

describe('FreshCache', () => {
  let clock: MovedClock;
  let staleness: number;
  let reads: number;
  let cache: FreshCache<number>;
  const count = async () => ++reads;
  const away = async (): Promise<number> => {
    throw new DatabaseUnavailableError('is away');
  };

  beforeEach(() => {
    clock = new MovedClock();
    staleness = 0;
    reads = 0;
    cache = new FreshCache({ clock, staleness: () => staleness, atMost: 2 });
  });

  it('reads once for many, and again after a minute', async () => {
    expect(await Promise.all([cache.get('a', count), cache.get('a', count)])).toEqual([1, 1]);
    clock.at += 59_999;
    expect(await cache.get('a', count)).toBe(1);
    clock.at += 1;
    expect(await cache.get('a', count)).toBe(2);
  });

  it('goes on with what it has for five minutes while the database is away', async () => {
    await cache.get('a', count);
    clock.at += 299_999;
    expect(await cache.get('a', away)).toBe(1);
    clock.at += 1;
    await expect(cache.get('a', away)).rejects.toThrow('is away');
    await expect(cache.get('b', away)).rejects.toThrow('is away');
  });

  it('does not go on with what it has when the store fails in another way', async () => {
    await cache.get('a', count);
    clock.at += 60_000;
    await expect(cache.get('a', () => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug');
  });

  it('trusts nothing that it has when changes may have been missed for five minutes', async () => {
    await cache.get('a', count);
    staleness = 300_000;
    expect(await cache.get('a', count)).toBe(2);
    await expect(cache.get('a', away)).rejects.toThrow('is away');
  });

  it('keeps nothing that was being read when something changed', async () => {
    let finish!: (value: number) => void;
    const before = cache.get('a', () => new Promise((resolve) => (finish = resolve)));
    cache.clear();
    const after = cache.get('a', async () => 7);
    finish(6);
    expect([await before, await after, await cache.get('a', count)]).toEqual([6, 7, 7]);
  });

  it('forgets a failure at once', async () => {
    await expect(cache.get('a', away)).rejects.toThrow('is away');
    expect(await cache.get('a', count)).toBe(1);
  });

  it('holds so many entries and no more', async () => {
    for (const key of ['a', 'b', 'c']) await cache.get(key, count);
    expect(await cache.get('c', count)).toBe(3);
    expect(await cache.get('a', count)).toBe(4);
  });
});
