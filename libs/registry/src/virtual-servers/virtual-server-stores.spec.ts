import { trailOn } from '#audit/testing';
import { type TenantId, tenantId } from '#kernel';
import { type OpenDatabase, createTenant, openEmbeddedDatabase, openPostgresDatabase } from '#persistence/testing';
import {
  type OpenVirtualServerStore,
  describeVirtualServerStore,
} from '../../testing/virtual-server-store.contract.js';
import { MemoryVirtualServerStore } from './memory.virtual-server.store.js';
import { PostgresVirtualServerStore } from './postgres.virtual-server.store.js';

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenVirtualServerStore> {
  const opened = await open();
  const { database } = opened;
  const announced: TenantId[] = [];
  database.onAnnounced(({ tenantId: tenant, topic }) => {
    if (topic === 'virtual-servers') announced.push(tenant);
  });
  return {
    store: new PostgresVirtualServerStore(database, await trailOn(database)),
    tenants: [await createTenant(database), await createTenant(database)],
    recorded: async (tenant) => {
      const rows = await database.inTenant(tenant, (tx) =>
        tx.query<{ target: string }>('SELECT target FROM audit_events ORDER BY seq'),
      );
      return rows.map(({ target }) => target);
    },
    announced,
    close: () => opened.close(),
  };
}

async function inMemory(): Promise<OpenVirtualServerStore> {
  const store = new MemoryVirtualServerStore();
  const announced: TenantId[] = [];
  store.onChange = (tenant) => announced.push(tenant);
  return {
    store,
    tenants: [tenantId('acme'), tenantId('globex')],
    recorded: async (tenant) =>
      store.events.filter((one) => one.tenantId === tenant).map(({ event }) => event.target ?? ''),
    announced,
    close: async () => undefined,
  };
}

describeVirtualServerStore('memory', inMemory);
describeVirtualServerStore('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describeVirtualServerStore('Postgres', () => onDatabase(() => openPostgresDatabase()));
