import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import type { DataKeyStore, StoredDataKey } from '../src/sealing/data-key.store.js';

export interface StoreUnderTest {
  readonly store: DataKeyStore;
  /** A tenant that exists and has nothing. */
  tenant(): Promise<TenantId>;
  close(): Promise<void>;
}

/** What every data key store promises. */
export function describeDataKeyStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`data key store, ${name}`, () => {
    let tested: StoreUnderTest;
    let store: DataKeyStore;
    beforeAll(async () => {
      tested = await open();
      store = tested.store;
    });
    afterAll(() => tested?.close());

    it('has nothing for a new tenant', async () => {
      const tenant = await tested.tenant();
      expect(await store.readActive(tenant)).toBeUndefined();
      expect(await store.read(tenant, 'dek_none')).toBeUndefined();
    });

    it('gives back what was put in, byte for byte', async () => {
      const [tenant, key] = [await tested.tenant(), newKey()];
      expect(await store.insert(tenant, key)).toEqual(key);
      expect(await store.readActive(tenant)).toEqual(key);
      expect(await store.read(tenant, key.id)).toEqual(key);
    });

    it('leaves the first key in place when a second one is put in', async () => {
      const [tenant, first] = [await tested.tenant(), newKey()];
      await store.insert(tenant, first);
      expect(await store.insert(tenant, newKey())).toEqual(first);
    });

    it('lets exactly one of many callers put in the first key', async () => {
      const tenant = await tested.tenant();
      const active = await Promise.all(Array.from({ length: 8 }, () => store.insert(tenant, newKey())));
      expect(new Set(active.map(({ id }) => id)).size).toBe(1);
    });

    it('lets exactly one of many callers replace a key, and still reads the replaced one', async () => {
      const [tenant, first] = [await tested.tenant(), newKey()];
      await store.insert(tenant, first);
      const active = await Promise.all(Array.from({ length: 8 }, () => store.insert(tenant, newKey(), first.id)));
      expect(new Set(active.map(({ id }) => id)).size).toBe(1);
      expect(active[0]!.id).not.toBe(first.id);
      expect(await store.readActive(tenant)).toEqual(active[0]);
      expect(await store.read(tenant, first.id)).toEqual(first);
    });

    it('lets exactly one of many callers keep a key of one id, which never seals', async () => {
      const tenant = await tested.tenant();
      const named = () => ({ ...newKey(), id: 'named' });
      const kept = await Promise.all(Array.from({ length: 8 }, () => store.keep(tenant, named())));
      expect(new Set(kept.map(({ wrapped }) => wrapped.toString('hex'))).size).toBe(1);
      expect(await store.read(tenant, 'named')).toEqual(kept[0]);
      expect(await store.readActive(tenant)).toBeUndefined();
      const sealing = await store.insert(tenant, newKey());
      expect(await store.keep(tenant, named())).toEqual(kept[0]);
      expect(await store.readActive(tenant)).toEqual(sealing);
      const other = await tested.tenant();
      expect((await store.keep(other, named())).wrapped).not.toEqual(kept[0]!.wrapped);
    });

    it('shows a tenant nothing of another one, and lets it replace nothing', async () => {
      const [a, b, key] = [await tested.tenant(), await tested.tenant(), newKey()];
      await store.insert(a, key);
      expect(await store.readActive(b)).toBeUndefined();
      expect(await store.read(b, key.id)).toBeUndefined();
      await store.insert(b, newKey(), key.id);
      expect(await store.readActive(a)).toEqual(key);
    });
  });
}

function newKey(): StoredDataKey {
  return {
    id: `dek_${randomBytes(6).toString('hex')}`,
    keyId: 'kek_1',
    wrapped: randomBytes(61),
    createdAt: new Date(),
  };
}
