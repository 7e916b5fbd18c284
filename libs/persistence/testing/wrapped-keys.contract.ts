import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { WrappedKeys } from '../src/rotation/wrapped-keys.js';

export interface WrappedKeysUnderTest {
  readonly store: WrappedKeys;
  /** Lets some tenants have a key each that `keyId` has wrapped. */
  add(keyId: string, count: number): Promise<void>;
  close(): Promise<void>;
}

/** What every place promises in which wrapped keys lie. It is empty in the beginning. */
export function describeWrappedKeys(name: string, open: () => Promise<WrappedKeysUnderTest>): void {
  describe(`wrapped keys, ${name}`, () => {
    let tested: WrappedKeysUnderTest;
    let store: WrappedKeys;
    beforeAll(async () => {
      tested = await open();
      store = tested.store;
    });
    afterAll(() => tested?.close());
    const rewrap = (before: Awaited<ReturnType<WrappedKeys['underOthers']>>[number], keyId = 'k2') => ({
      before,
      after: { keyId, wrapped: randomBytes(61) },
    });

    it('are none in the beginning', async () => {
      expect([...(await store.count())]).toEqual([]);
      expect(await store.underOthers('k1', undefined, 10)).toEqual([]);
    });

    it('are counted by key, and found a page at a time, each once', async () => {
      await tested.add('k1', 7);
      await tested.add('k2', 2);
      expect(Object.fromEntries(await store.count())).toEqual({ k1: 7, k2: 2 });
      const found: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await store.underOthers('k2', after, 3);
        expect(page.every(({ keyId }) => keyId === 'k1')).toBe(true);
        found.push(...page.map(({ place }) => place));
        if (page.length < 3) break;
        after = page.at(-1)!.place;
      }
      expect(new Set(found).size).toBe(7);
      expect(found).toHaveLength(7);
    });

    it('are replaced where they are still what was read', async () => {
      const [first, second] = await store.underOthers('k2', undefined, 2);
      expect(await store.replace([rewrap(first!)])).toBe(1);
      const stale = rewrap(first!, 'k3');
      expect(await store.replace([stale, rewrap(second!)])).toBe(1);
      expect(Object.fromEntries(await store.count())).toEqual({ k1: 5, k2: 4 });
      const [now] = (await store.underOthers('k1', undefined, 10)).filter(({ place }) => place === first!.place);
      expect(now).toMatchObject({ keyId: 'k2', ref: first!.ref });
    });

    it('are each replaced once by two that do the same at once', async () => {
      const all = await store.underOthers('k2', undefined, 100);
      const done = await Promise.all([
        store.replace(all.map((each) => rewrap(each))),
        store.replace(all.map((each) => rewrap(each))),
      ]);
      expect(done[0] + done[1]).toBeGreaterThanOrEqual(1);
      expect(done[0] + done[1]).toBeLessThanOrEqual(all.length);
    });
  });
}
