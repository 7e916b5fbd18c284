import { type MemberRef, type TenantId, memberKey } from '#kernel';
import { CatalogStore, type StoredCatalog } from '../catalog.store.js';

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
    this.catalogs.set(memberKey(ref), {
      ref,
      catalog: { ...structuredClone(catalog), ...(document ? { document } : {}) },
    });
  }

  forget(ref: MemberRef): void {
    this.catalogs.delete(memberKey(ref));
  }
}
