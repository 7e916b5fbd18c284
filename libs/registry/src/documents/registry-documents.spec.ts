import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuditEvent, type RecordedDocuments } from '#audit';
import { WatchedDocuments, type WatchedRequest, recordingOn } from '#audit/testing';
import { Clock, type TenantId, serverId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { Documents } from '#persistence';
import {
  MemoryDocuments,
  createTenantDocument,
  openCloudantDocuments,
  openCloudantServer,
  ringProvider,
} from '#persistence/testing';
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
  const servers = new DocumentsServerConfigStore(recorded, documents, new Clock(), log);
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
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  let tenant: TenantId;
  let stores: ReturnType<typeof storesOn>;
  let changes: Awaited<ReturnType<typeof recordingOn>>['changes'];
  beforeAll(async () => {
    home = await inMemory();
    tenant = await createTenantDocument(home.documents);
    provider = await ringProvider();
    const recording = await recordingOn(home.documents, { provider });
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

  /** The stores of another process, to which something happens once, before it asks for what is named. */
  const stoppedAt = async (isThere: (request: WatchedRequest) => boolean, happens: () => Promise<unknown>) => {
    let isOver = false;
    const documents = new WatchedDocuments(home.documents, async (request) => {
      if (isOver || !isThere(request)) return;
      isOver = true;
      await happens();
    });
    return storesOn(documents, (await recordingOn(documents, { provider })).recorded);
  };
  const catalogOf = (name: string) => ({ fetchedAt: new Date(0), content: { name }, document: Buffer.from(name) });
  const isWhole = async (id: string) => {
    const { ref } = draft(id, 1);
    expect(await stores.catalogs.read(ref)).toEqual(catalogOf('theirs'));
    expect((await stores.servers.history(ref)).map(({ version }) => version)).toEqual([2, 1]);
  };
  const registersAnew = async (id: string) => {
    await stores.servers.insert(draft(id, 1), event, catalogOf('theirs'));
    await stores.servers.replace(draft(id, 2), event);
  };
  const removesAndRegistersAnew = async (id: string) => {
    await stores.servers.remove(draft(id, 1), event);
    await registersAnew(id);
  };

  it('take nothing from whoever was faster to register the id', async () => {
    const versions = ({ method, path }: WatchedRequest) => method === 'range' && path === 'server-version/fast/';
    const { servers } = await stoppedAt(versions, () => registersAnew('fast'));
    const lost = servers.insert(draft('fast', 1), event, catalogOf('ours'));
    await expect(lost).rejects.toMatchObject({ code: 'COMPOSER_SERVER_EXISTS' });
    await isWhole('fast');
  });

  it('take nothing from whoever has registered the id anew after a removal', async () => {
    const belongings = ({ method, path }: WatchedRequest) =>
      method === 'range' && path.startsWith('server-version/anew/');
    const { servers } = await stoppedAt(belongings, () => registersAnew('anew'));
    await stores.servers.insert(draft('anew', 1), event, catalogOf('ours'));
    await servers.remove(draft('anew', 1), event);
    await isWhole('anew');
  });

  it.each(['specification/', 'catalog/'])(
    'write no catalogue over that of a later server of the id, at %s',
    async (place) => {
      const id = place.replace('/', 's');
      const writes = ({ method, path }: WatchedRequest) => method === 'write' && path === `${place}${id}`;
      const { servers } = await stoppedAt(writes, () => removesAndRegistersAnew(id));
      await servers.insert(draft(id, 1), event, catalogOf('ours'));
      await isWhole(id);
    },
  );

  it('give no catalogue of a former server to a later one of the id', async () => {
    let isMade = false;
    const after = ({ method, path, body }: WatchedRequest) => {
      if (isMade && /^(server|specification|catalog)\/late$/.test(path)) return true;
      isMade ||= method === 'write' && path === 'server/late' && !('change' in body!);
      return false;
    };
    const { servers } = await stoppedAt(after, () => removesAndRegistersAnew('late'));
    await servers.insert(draft('late', 1), event, catalogOf('ours'));
    await isWhole('late');
  });

  it('take away what was left of a former server when the id is registered again', async () => {
    await stores.servers.insert(draft('left', 1), event, catalogOf('former'));
    await stores.servers.replace(draft('left', 2), event);
    const server = { partition: tenant, path: 'server/left' };
    await home.documents.remove(server, (await home.documents.read(server))!.rev);
    expect(await pathsWith('/left')).toHaveLength(3);
    await stores.servers.insert(draft('left', 1), event);
    expect(await pathsWith('/left')).toEqual(['server/left']);
  });
});
