import { randomBytes } from 'node:crypto';
import {
  type Open,
  createTenant,
  describeWrappedKeys,
  openEmbeddedDatabase,
  openPostgresDatabase,
} from '../../testing/index.js';
import { DataKeyWrappings } from './data-key-wrappings.js';
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
