import { type TenantId, tenantId } from '#kernel';
import type { Database } from './database.js';
import type { Transaction } from './transaction.js';

/** Does the same for every tenant, each in a transaction of its own. Gives the sum of what `act` has counted. */
export async function inEveryTenant(
  database: Database,
  act: (tx: Transaction, tenant: TenantId) => Promise<number>,
): Promise<number> {
  const tenants = await database.asOperator((tx) => tx.query<{ id: string }>('SELECT id FROM tenants'));
  let sum = 0;
  for (const { id } of tenants) {
    const tenant = tenantId(id);
    sum += await database.inTenant(tenant, (tx) => act(tx, tenant));
  }
  return sum;
}
