import { describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import {
  MemoryDocuments,
  type OpenKeyRing,
  createTenant,
  createTenantDocument,
  namedKeysOn,
  openDocumentsKeyRing,
  openEmbeddedDatabase,
  openKeyRing,
  randomKeys,
  ringOf,
} from '../../testing/index.js';
import { UnknownTenantError } from '../persistence.errors.js';
import type { DataKeyStore } from './data-key.store.js';
import { DocumentsDataKeyStore } from './documents.data-key.store.js';
import { RingKeyProvider } from './ring.key-provider.js';
import type { NamedKeys } from './named-keys.js';

interface Home {
  readonly store: DataKeyStore;
  tenant(): Promise<TenantId>;
  ring(keys: string): Promise<OpenKeyRing>;
  close(): Promise<void>;
}

async function onPostgres(): Promise<Home> {
  const db = await openEmbeddedDatabase();
  return {
    store: db.dataKeys,
    tenant: () => createTenant(db.database),
    ring: (keys) => openKeyRing(db.database, { ring: ringOf(keys), file: '' }),
    close: () => db.close(),
  };
}

async function onDocuments(): Promise<Home> {
  const documents = new MemoryDocuments();
  return {
    store: new DocumentsDataKeyStore(documents),
    tenant: () => createTenantDocument(documents),
    ring: (keys) => openDocumentsKeyRing(documents, { ring: ringOf(keys), file: '' }),
    close: async () => undefined,
  };
}

describe.each([
  ['Postgres', onPostgres],
  ['documents', onDocuments],
])('named keys on %s', (_, open) => {
  const bytesOf = async (keys: NamedKeys, tenant: TenantId, name: string) =>
    (await keys.of(tenant, name)).export().toString('hex');

  it('are one in all processes, and another one for each tenant and name', async () => {
    const home = await open();
    try {
      const ring = await home.ring(randomKeys('k1'));
      const process = () => namedKeysOn(home.store, new RingKeyProvider(ring.file));
      const [tenant, other] = [await home.tenant(), await home.tenant()];
      const all = await Promise.all(Array.from({ length: 4 }, () => bytesOf(process(), tenant, 'digests')));
      expect(new Set(all).size).toBe(1);
      expect(all[0]).toMatch(/^[0-9a-f]{64}$/);
      const one = process();
      expect(one.peek(tenant, 'digests')).toBeUndefined();
      const others = [await bytesOf(one, other, 'digests'), await bytesOf(one, tenant, 'others')];
      expect(new Set([...others, all[0]]).size).toBe(3);
      expect(one.peek(other, 'digests')?.export().toString('hex')).toBe(others[0]);
      await ring.close();
    } finally {
      await home.close();
    }
  });

  it('stay what they are when the key ring is rotated and its old key dropped', async () => {
    const home = await open();
    try {
      const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
      const tenant = await home.tenant();
      const first = await home.ring(k1);
      const before = await bytesOf(namedKeysOn(home.store, new RingKeyProvider(first.file)), tenant, 'digests');
      const both = await home.ring(`${k2},${k1}`);
      await both.rotation.rotate(() => undefined);
      await both.rotation.drop('k1');
      const last = await home.ring(k2);
      const keys = namedKeysOn(home.store, new RingKeyProvider(last.file));
      expect(await bytesOf(keys, tenant, 'digests')).toBe(before);
      for (const ring of [first, both, last]) await ring.close();
    } finally {
      await home.close();
    }
  });

  it('are made for no tenant that does not exist', async () => {
    const home = await open();
    try {
      const ring = await home.ring(randomKeys('k1'));
      const nobody = '5b0d1a52-9c4f-4e0e-8c57-0c8f5a2a7fff' as TenantId;
      const keys = namedKeysOn(home.store, new RingKeyProvider(ring.file));
      await expect(keys.of(nobody, 'digests')).rejects.toThrow(UnknownTenantError);
      await ring.close();
    } finally {
      await home.close();
    }
  });
});
