import { randomBytes } from 'node:crypto';
import {
  MemoryDocuments,
  type Open,
  createTenant,
  createTenantDocument,
  describeWrappedKeys,
  openEmbeddedDatabase,
  openPostgresDatabase,
} from '../../testing/index.js';
import { DocumentsDataKeyStore } from '../sealing/documents.data-key.store.js';
import { DataKeyWrappings } from './data-key-wrappings.js';
import { DocumentsDataKeyWrappings } from './documents-data-key-wrappings.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

const underTest = (open: Open) => async () => {
  const db = await open();
  const add = async (keyId: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const key = { id: `dek_${n}`, keyId, wrapped: randomBytes(61), createdAt: new Date() };
      await db.dataKeys.insert(await createTenant(db.database), key);
    }
  };
  return { store: new DataKeyWrappings(db.database, new WrappedKeyStores()), add, close: () => db.close() };
};

describeWrappedKeys('data keys on the embedded database', underTest(openEmbeddedDatabase));
describeWrappedKeys('data keys on Postgres', underTest(openPostgresDatabase));

describeWrappedKeys('data keys on documents', async () => {
  const documents = new MemoryDocuments();
  const keys = new DocumentsDataKeyStore(documents);
  const add = async (keyId: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const key = { id: `dek_${n}`, keyId, wrapped: randomBytes(61), createdAt: new Date() };
      await keys.insert(await createTenantDocument(documents), key);
    }
  };
  const store = new DocumentsDataKeyWrappings(documents, new WrappedKeyStores());
  return { store, add, close: () => Promise.resolve() };
});
