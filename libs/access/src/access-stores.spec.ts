import { openEmbeddedDatabase, openPostgresDatabase } from '#persistence/testing';
import { type AccessStores, databaseStores, documentStores, memoryStores } from '../testing/access-stores.js';
import { describeApiKeyStore } from '../testing/api-key-store.contract.js';
import { describePrincipalStore } from '../testing/principal-store.contract.js';
import { describeRoleStore } from '../testing/role-store.contract.js';
import { describeTenantStore } from '../testing/tenant-store.contract.js';

const BACKENDS: readonly [string, () => Promise<AccessStores>][] = [
  ['memory', memoryStores],
  ['documents', () => documentStores()],
  ['the embedded database', async () => databaseStores(await openEmbeddedDatabase())],
  ['Postgres', async () => databaseStores(await openPostgresDatabase())],
];

for (const [name, open] of BACKENDS) {
  describeTenantStore(name, open);
  describePrincipalStore(name, open);
  describeRoleStore(name, open);
  describeApiKeyStore(name, open);
}
