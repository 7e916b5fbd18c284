import { type MemberRef, type TenantId, memberKey } from '#kernel';
import { DuplicateServerError, ServerConflictError } from '../registry.errors.js';
import {
  CatalogStore,
  ServerConfigStore,
  type ServerDraft,
  type StoredCatalog,
  type StoredServer,
} from '../server-config.store.js';

/** For tests: catalogues of one process, gone with it. */
export class MemoryCatalogStore extends CatalogStore {
  private readonly catalogs = new Map<string, { ref: MemberRef; catalog: StoredCatalog }>();
  /** Set by the configuration store that this one belongs to. */
  exists: (ref: MemberRef) => boolean = () => true;

  override async list(tenant: TenantId): Promise<ReadonlyMap<string, StoredCatalog>> {
    const own = [...this.catalogs.values()].filter(({ ref }) => ref.tenantId === tenant);
    return new Map(own.map(({ ref, catalog: { fetchedAt, content } }) => [ref.serverId, { fetchedAt, content }]));
  }

  override async read(ref: MemberRef): Promise<StoredCatalog | undefined> {
    return this.catalogs.get(memberKey(ref))?.catalog;
  }

  override async write(ref: MemberRef, catalog: StoredCatalog): Promise<void> {
    if (!this.exists(ref)) return;
    const document = catalog.document ?? this.catalogs.get(memberKey(ref))?.catalog.document;
    this.catalogs.set(memberKey(ref), { ref, catalog: { ...structuredClone(catalog), ...(document ? { document } : {}) } });
  }

  forget(ref: MemberRef): void {
    this.catalogs.delete(memberKey(ref));
  }
}

/** For tests: configurations of one process, gone with it. */
export class MemoryServerConfigStore extends ServerConfigStore {
  private readonly servers = new Map<string, StoredServer>();

  constructor(private readonly catalogs: MemoryCatalogStore = new MemoryCatalogStore()) {
    super();
    catalogs.exists = (ref) => this.servers.has(memberKey(ref));
  }

  override async list(tenant: TenantId): Promise<readonly StoredServer[]> {
    const own = [...this.servers.values()].filter(({ ref }) => ref.tenantId === tenant);
    return own.sort((a, b) => (a.ref.serverId < b.ref.serverId ? -1 : 1)).map((server) => structuredClone(server));
  }

  override async find(ref: MemberRef): Promise<StoredServer | undefined> {
    return structuredClone(this.servers.get(memberKey(ref)));
  }

  override async insert(draft: ServerDraft, catalog?: StoredCatalog): Promise<StoredServer> {
    if (this.servers.has(memberKey(draft.ref))) throw new DuplicateServerError(draft.ref.serverId);
    return this.put(draft, new Date(), catalog);
  }

  override async replace(draft: ServerDraft, catalog?: StoredCatalog): Promise<StoredServer> {
    const before = this.servers.get(memberKey(draft.ref));
    if (before?.version !== draft.version - 1) throw new ServerConflictError(draft.ref.serverId);
    return this.put(draft, before.createdAt, catalog);
  }

  override async remove(ref: MemberRef): Promise<boolean> {
    this.catalogs.forget(ref);
    return this.servers.delete(memberKey(ref));
  }

  private async put(draft: ServerDraft, createdAt: Date, catalog?: StoredCatalog): Promise<StoredServer> {
    const server = { ...structuredClone(draft), createdAt, updatedAt: new Date() };
    this.servers.set(memberKey(draft.ref), server);
    if (catalog) await this.catalogs.write(draft.ref, catalog);
    return structuredClone(server);
  }
}
