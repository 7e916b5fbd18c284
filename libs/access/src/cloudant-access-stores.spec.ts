import { openCloudantDocuments, openCloudantServer } from '#persistence/testing';
import { type AccessStores, documentStores } from '../testing/access-stores.js';
import { describeApiKeyStore } from '../testing/api-key-store.contract.js';
import { describePrincipalStore } from '../testing/principal-store.contract.js';
import { describeRoleStore } from '../testing/role-store.contract.js';
import { describeTenantStore } from '../testing/tenant-store.contract.js';

async function open(): Promise<AccessStores> {
  const server = await openCloudantServer();
  const { documents, close } = await openCloudantDocuments(server.database());
  return documentStores(documents, async () => {
    await close();
    await server.close();
  });
}

const NAME = 'a CouchDB-compatible server';
describeTenantStore(NAME, open);
describePrincipalStore(NAME, open);
describeRoleStore(NAME, open);
describeApiKeyStore(NAME, open);
