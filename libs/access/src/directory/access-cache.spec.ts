import { Clock, tenantId } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import { MemoryChangeFeed } from '#persistence/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AccessChanges } from './access-changes.js';
import { AccessCache, type CacheScope, EVERY_TENANT } from './access-cache.js';

class MovedClock extends Clock {
  at = 1_000_000;
  override now(): number {
    return this.at;
  }
}

const ACME = tenantId('acme');
const GLOBEX = tenantId('globex');

describe.each<CacheScope>([ACME, EVERY_TENANT])('AccessCache of %s', (scope) => {
  let clock: MovedClock;
  let feed: MemoryChangeFeed;
  let looks: number;
  let cache: AccessCache<number>;
  const count = async () => ++looks;
  const away = async (): Promise<number> => {
    throw new DatabaseUnavailableError('is away');
  };
  const change = (topic = 'access', tenant = ACME) => feed.tell({ tenantId: tenant, topic });

  beforeEach(() => {
    clock = new MovedClock();
    feed = new MemoryChangeFeed();
    looks = 0;
    const changes = new AccessChanges(feed);
    changes.onModuleInit();
    cache = new AccessCache(changes, clock, 2);
  });

  it('looks once for many, and again after a minute', async () => {
    expect(await Promise.all([cache.get(scope, 'a', count), cache.get(scope, 'a', count)])).toEqual([1, 1]);
    clock.at += 59_999;
    expect(await cache.get(scope, 'a', count)).toBe(1);
    clock.at += 1;
    expect(await cache.get(scope, 'a', count)).toBe(2);
  });

  it('looks again when its scope has changed, and only then', async () => {
    await cache.get(scope, 'a', count);
    await change('servers');
    expect(await cache.get(scope, 'a', count)).toBe(1);
    await change();
    expect(await cache.get(scope, 'a', count)).toBe(2);
    await change('access', GLOBEX);
    expect(await cache.get(scope, 'a', count)).toBe(scope === EVERY_TENANT ? 3 : 2);
  });

  it('keeps the answers of different scopes apart', async () => {
    expect(await cache.get(scope, 'a', count)).toBe(1);
    expect(await cache.get(GLOBEX, 'a', count)).toBe(2);
    expect(await cache.get(scope, 'a', count)).toBe(1);
  });

  it('goes on with what it has for five minutes while the database is away', async () => {
    await cache.get(scope, 'a', count);
    clock.at += 299_999;
    expect(await cache.get(scope, 'a', away)).toBe(1);
    clock.at += 1;
    await expect(cache.get(scope, 'a', away)).rejects.toThrow('is away');
    await expect(cache.get(scope, 'b', away)).rejects.toThrow('is away');
  });

  it('does not go on with what it has when the store fails in another way', async () => {
    await cache.get(scope, 'a', count);
    clock.at += 60_000;
    await expect(cache.get(scope, 'a', () => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug');
  });

  it('trusts nothing that it has when changes may have been missed for five minutes', async () => {
    await cache.get(scope, 'a', count);
    feed.age = 300_001;
    expect(await cache.get(scope, 'a', count)).toBe(2);
    await expect(cache.get(scope, 'a', away)).rejects.toThrow('is away');
  });

  it('hands what was being looked up before a change to nobody who asks after it', async () => {
    let finish!: (value: number) => void;
    const before = cache.get(scope, 'a', () => new Promise((resolve) => (finish = resolve)));
    await change();
    const after = await cache.get(scope, 'a', async () => 7);
    finish(6);
    expect([await before, after, await cache.get(scope, 'a', count)]).toEqual([6, 7, 7]);
  });

  it('holds so many entries and no more', async () => {
    for (const key of ['a', 'b', 'c']) await cache.get(scope, key, count);
    expect(await cache.get(scope, 'c', count)).toBe(3);
    expect(await cache.get(scope, 'a', count)).toBe(4);
  });
});
