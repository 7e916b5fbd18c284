import { expect, it } from '@jest/globals';
import type { AuditEvent } from '#audit';
import { trailOn } from '#audit/testing';
import { type TenantId, serverId, tenantId } from '#kernel';
import {
  type OpenDatabase,
  createTenant,
  describeOnEveryDatabase,
  openEmbeddedDatabase,
  openPostgresDatabase,
} from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenStores, describeServerStores } from '../testing/server-stores.contract.js';
import { MemoryCatalogStore } from './memory/memory.catalog.store.js';
import { MemoryServerConfigStore } from './memory/memory.server-config.store.js';
import { PostgresCatalogStore } from './postgres/postgres.catalog.store.js';
import { PostgresServerConfigStore } from './postgres/postgres.server-config.store.js';

async function onDatabase(open: () => Promise<OpenDatabase>): Promise<OpenStores> {
  const opened = await open();
  return {
    servers: new PostgresServerConfigStore(opened.database, await trailOn(opened.database)),
    catalogs: new PostgresCatalogStore(opened.database),
    tenants: [await createTenant(opened.database), await createTenant(opened.database)],
    recorded: (tenant) => recordedIn(opened, tenant),
    close: () => opened.close(),
  };
}

async function inMemory(): Promise<OpenStores> {
  const catalogs = new MemoryCatalogStore();
  const tenants = [tenantId('acme'), tenantId('globex')] as const;
  const servers = new MemoryServerConfigStore(catalogs);
  const recorded = async (tenant: TenantId) =>
    servers.recorded.filter(({ tenantId: of }) => of === tenant).map(({ event }) => event);
  return { servers, catalogs, tenants, recorded, close: async () => undefined };
}

describeServerStores('memory', inMemory);
describeServerStores('the embedded database', () => onDatabase(() => openEmbeddedDatabase()));
describeServerStores('Postgres', () => onDatabase(() => openPostgresDatabase()));

describeOnEveryDatabase('the store of servers', (open) => {
  it('announces what it has changed once that is committed, and nothing else', async () => {
    const opened = await open();
    const trail = await trailOn(opened.database);
    const store = new PostgresServerConfigStore(opened.database, trail);
    const tenant = await createTenant(opened.database);
    const announced: unknown[] = [];
    opened.database.onAnnounced(({ tenantId: of, topic }) => announced.push([of, topic]));
    const draft = (version: number) => ({
      ref: { tenantId: tenant, serverId: serverId('crm') },
      config: {},
      secrets: {},
      version,
    });
    const event = { action: 'server.updated', actor: SYSTEM };

    await store.insert(draft(1), event);
    await store.insert(draft(1), event).catch(() => undefined);
    await store.replace(draft(2), event);
    await store.replace(draft(2), event).catch(() => undefined);
    await store.remove(draft(1), event).catch(() => undefined);
    await store.remove(draft(2), event);
    await store.remove(draft(2), event);
    expect(announced).toEqual(Array(3).fill([tenant, 'servers']));
    await opened.close();
  });

  it('changes nothing when the change cannot be recorded', async () => {
    const opened = await open();
    const trail = await trailOn(opened.database);
    const store = new PostgresServerConfigStore(opened.database, trail);
    const tenant = await createTenant(opened.database);
    const draft = (version: number) => ({
      ref: { tenantId: tenant, serverId: serverId('crm') },
      config: { label: `v${version}` },
      secrets: {},
      version,
    });
    const event = { action: 'server.updated', actor: SYSTEM };
    await store.insert(draft(1), event);
    trail.append = async () => Promise.reject(new Error('the sink is away'));

    await expect(store.replace(draft(2), event)).rejects.toThrow('the sink is away');
    await expect(store.remove(draft(1), event)).rejects.toThrow('the sink is away');
    const other = { ...draft(1), ref: { tenantId: tenant, serverId: serverId('other') } };
    await expect(store.insert(other, event)).rejects.toThrow('the sink is away');
    expect(await store.list(tenant)).toMatchObject([draft(1)]);
    expect(await store.history(draft(1).ref)).toHaveLength(1);
    await opened.close();
  });
});

async function recordedIn({ database }: OpenDatabase, tenant: TenantId): Promise<readonly AuditEvent[]> {
  const rows = await database.inTenant(tenant, (tx) =>
    tx.query<{ body: string }>('SELECT body FROM audit_events ORDER BY seq'),
  );
  return rows.map(({ body }) => JSON.parse(body) as AuditEvent);
}
