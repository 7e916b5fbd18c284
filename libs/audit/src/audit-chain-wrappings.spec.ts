import { randomBytes } from 'node:crypto';
import { WrappedKeyStores } from '#persistence';
import { createTenant, describeWrappedKeys, openPostgresDatabase } from '#persistence/testing';
import { AuditChainWrappings } from './audit-chain-wrappings.js';

describeWrappedKeys('keys of audit trails', async () => {
  const db = await openPostgresDatabase();
  const add = async (keyId: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const tenant = await createTenant(db.database);
      await db.database.inTenant(tenant, (tx) =>
        tx.execute(`INSERT INTO audit_chains (tenant_id, kek_id, wrapped, seq, hash) VALUES ($1, $2, $3, 0, '')`, [
          tenant,
          keyId,
          randomBytes(61),
        ]),
      );
    }
  };
  return { store: new AuditChainWrappings(db.database, new WrappedKeyStores()), add, close: () => db.close() };
});
