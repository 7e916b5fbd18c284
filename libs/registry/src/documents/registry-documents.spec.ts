import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuditEvent, type RecordedDocuments } from '#audit';
import { recordingOn } from '#audit/testing';
import { Clock, type TenantId, serverId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { Documents } from '#persistence';
import { MemoryDocuments, createTenantDocument, openCloudantDocuments, openCloudantServer } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenStores, describeServerStores } from '../../testing/server-stores.contract.js';
import {
  type OpenVirtualServerStore,
  describeVirtualServerStore,
} from '../../testing/virtual-server-store.contract.js';
import { DocumentsCatalogStore } from './documents.catalog.store.js';
import { DocumentsServerConfigStore } from './documents.server-config.store.js';
import { DocumentsVirtualServerStore } from './documents.virtual-server.store.js';

interface OpenHome {
  readonly documents: Documents;
  close(): Promise<void>;
}

const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);

async function inMemory(): Promise<OpenHome> {
  return { documents: new MemoryDocuments(), close: async () => undefined };
}

async function onCloudant(): Promise<OpenHome> {
  const server = await openCloudantServer();
  const open = await openCloudantDocuments(server.database());
  const close = async (): Promise<void> => {
    await open.close();
    await server.close();
  };
  return { documents: open.documents, close };
}

function storesOn(documents: Documents, recorded: RecordedDocuments) {
  const catalogs = new DocumentsCatalogStore(recorded, documents);
  const servers = new DocumentsServerConfigStore(recorded, documents, catalogs, new Clock(), log);
  return { catalogs, servers };
}

/** Every event of a tenant's trail as it is stored, oldest first. */
async function eventsOf(documents: Documents, tenant: TenantId): Promise<readonly AuditEvent[]> {
  const found = await documents.range(tenant, { prefix: 'audit/', limit: 10_000 });
  return found.flatMap(({ body }) => eventsIn(body));
}

function eventsIn(body: unknown): AuditEvent[] {
  if (typeof body === 'string' && body.startsWith('{')) return [JSON.parse(body) as AuditEvent];
  if (typeof body !== 'object' || body === null) return [];
  return Object.values(body).flatMap(eventsIn);
}

async function openStores(open: () => Promise<OpenHome>): Promise<OpenStores> {
  const { documents, close } = await open();
  const { recorded } = await recordingOn(documents);
  return {
    ...storesOn(documents, recorded),
    tenants: [await createTenantDocument(documents), await createTenantDocument(documents)],
    recorded: (tenant) => eventsOf(documents, tenant),
    close,
  };
}

async function openVirtualServers(open: () => Promise<OpenHome>): Promise<OpenVirtualServerStore> {
  const { documents, close } = await open();
  const { recorded, changes } = await recordingOn(documents);
  const announced: TenantId[] = [];
  changes.onAnnounced(({ tenantId, topic }) => {
    if (topic === 'virtual-servers') announced.push(tenantId);
  });
  return {
    store: new DocumentsVirtualServerStore(recorded, new Clock()),
    tenants: [await createTenantDocument(documents), await createTenantDocument(documents)],
    recorded: async (tenant) => (await eventsOf(documents, tenant)).map(({ target }) => target ?? ''),
    announced,
    close,
  };
}

describeServerStores('documents in memory', () => openStores(inMemory));
describeServerStores('Cloudant', () => openStores(onCloudant));
describeVirtualServerStore('documents in memory', () => openVirtualServers(inMemory));
describeVirtualServerStore('Cloudant', () => openVirtualServers(onCloudant));

describe('servers on documents', () => {
  const event: AuditEvent = { action: 'server.updated', actor: SYSTEM };
  let home: OpenHome;
  let tenant: TenantId;
  let stores: ReturnType<typeof storesOn>;
  let changes: Awaited<ReturnType<typeof recordingOn>>['changes'];
  beforeAll(async () => {
    home = await inMemory();
    tenant = await createTenantDocument(home.documents);
    const recording = await recordingOn(home.documents);
    changes = recording.changes;
    stores = storesOn(home.documents, recording.recorded);
  });
  afterAll(() => home?.close());
  const draft = (id: string, version: number) => ({
    ref: { tenantId: tenant, serverId: serverId(id) },
    config: { label: `v${version}` },
    secrets: { '/auth/token': `sealed-${version}` },
    version,
  });
  const pathsWith = async (part: string) =>
    (await home.documents.range(tenant, { prefix: '', limit: 10_000 }))
      .map(({ path }) => path)
      .filter((path) => path.includes(part));

  it('announce what they have changed, and nothing else', async () => {
    const announced: unknown[] = [];
    const stop = changes.onAnnounced(({ tenantId, topic }) => announced.push([tenantId, topic]));
    await stores.servers.insert(draft('crm', 1), event);
    await stores.servers.insert(draft('crm', 1), event).catch(() => undefined);
    await stores.servers.replace(draft('crm', 2), event);
    await stores.servers.replace(draft('crm', 2), event).catch(() => undefined);
    await stores.servers.remove(draft('crm', 1), event).catch(() => undefined);
    await stores.servers.remove(draft('crm', 2), event);
    await stores.servers.remove(draft('crm', 2), event);
    stop();
    expect(announced).toEqual(Array(3).fill([tenant, 'servers']));
  });

  it('leave nothing of a server that was removed, nor more versions than are kept', async () => {
    const catalog = { fetchedAt: new Date(), content: {}, document: Buffer.from('spec') };
    await stores.servers.insert(draft('erp', 1), event, catalog);
    for (let version = 2; version <= 14; version++) await stores.servers.replace(draft('erp', version), event);
    expect(await pathsWith('server-version/erp/')).toHaveLength(9);
    await stores.servers.remove(draft('erp', 14), event);
    expect((await pathsWith('erp')).filter((path) => !path.startsWith('audit'))).toEqual([]);
  });

  it('take nothing of a former server of the id for their own', async () => {
    const { ref } = draft('hr', 1);
    const catalog = { fetchedAt: new Date(), content: { tools: ['former'] }, document: Buffer.from('former') };
    await stores.servers.insert(draft('hr', 1), event, catalog);
    const left = await Promise.all(
      ['catalog/hr', 'specification/hr'].map((path) => home.documents.read({ partition: tenant, path })),
    );
    await stores.servers.remove(draft('hr', 1), event);
    await stores.servers.insert(draft('hr', 1), event);
    for (const document of left) {
      await home.documents.write({ partition: tenant, path: document!.path }, document!.body);
    }
    expect(await stores.catalogs.read(ref)).toBeUndefined();
    expect((await stores.catalogs.list(tenant)).has(ref.serverId)).toBe(false);
    await stores.catalogs.write(ref, { fetchedAt: new Date(), content: {} });
    expect(await stores.catalogs.read(ref)).not.toHaveProperty('document');
  });
});
