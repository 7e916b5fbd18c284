import { tenantId } from '#kernel';
import { type OpenDatabase, createTenant, openEmbeddedDatabase, openPostgresDatabase } from '#persistence/testing';
import { type OpenStores, describeServerStores } from '../testing/server-stores.contract.js';
import { MemoryCatalogStore } from './memory/memory.catalog.store.js';
import { MemoryServerConfigStore } from './memory/memory.server-config.store.js';
import { PostgresCatalogStore } from './postgres/postgres.catalog.store.js';
import { PostgresServerConfigStore } from './postgres/postgres.server-config.store.js';

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenStores> {
  const opened = await open();
  return {
    servers: new PostgresServerConfigStore(opened.database),
    catalogs: new PostgresCatalogStore(opened.database),
    tenants: [await createTenant(opened.database), await createTenant(opened.database)],
    close: () => opened.close(),
  };
}

async function inMemory(): Promise<OpenStores> {
  const catalogs = new MemoryCatalogStore();
  const tenants = [tenantId('acme'), tenantId('globex')] as const;
  return { servers: new MemoryServerConfigStore(catalogs), catalogs, tenants, close: async () => undefined };
}

describeServerStores('memory', inMemory);
describeServerStores('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describeServerStores('Postgres', () => onDatabase(() => openPostgresDatabase()));
