import { RecordedDocuments } from '#audit';
import type { MemberRef, TenantId } from '#kernel';
import { type DocumentRef, Documents } from '#persistence';
import { Injectable } from '@nestjs/common';
import { CatalogStore, type StoredCatalog } from '../catalog.store.js';
import { type CatalogDocument, CatalogDocuments, type SpecificationDocument } from './catalog-documents.js';
import { ALL, CATALOGS, SERVERS, catalogRef, everyServer, specificationRef } from './server-documents.js';

/** Catalogues on documents. One whose server is gone, or another one by now, is as good as none. */
@Injectable()
export class DocumentsCatalogStore extends CatalogStore {
  private readonly written: CatalogDocuments;

  constructor(
    private readonly recorded: RecordedDocuments,
    private readonly documents: Documents,
  ) {
    super();
    this.written = new CatalogDocuments(recorded, documents);
  }

  override async list(tenant: TenantId): Promise<ReadonlyMap<string, StoredCatalog>> {
    const [servers, catalogs] = await Promise.all([
      this.recorded.range(...everyServer(tenant)),
      this.documents.range(tenant, { prefix: CATALOGS, limit: ALL }),
    ]);
    const lives = new Map(servers.map(({ path, body }) => [path.slice(SERVERS.length), body['life']]));
    const found = catalogs.map(
      ({ path, body }) => [path.slice(CATALOGS.length), body as unknown as CatalogDocument] as const,
    );
    return new Map(found.filter(([id, { life }]) => lives.get(id) === life).map(([id, body]) => [id, stored(body)]));
  }

  override async read(ref: MemberRef): Promise<StoredCatalog | undefined> {
    const [life, catalog, specification] = await Promise.all([
      this.written.lifeOf(ref),
      this.bodyAt<CatalogDocument>(catalogRef(ref)),
      this.bodyAt<SpecificationDocument>(specificationRef(ref)),
    ]);
    if (!catalog || catalog.life !== life) return undefined;
    const document = specification?.life === life ? Buffer.from(specification.document, 'base64') : undefined;
    return { ...stored(catalog), ...(document ? { document } : {}) };
  }

  override async write(ref: MemberRef, catalog: StoredCatalog): Promise<void> {
    const life = await this.written.lifeOf(ref);
    if (life !== undefined) await this.written.write(ref, life, catalog);
  }

  private async bodyAt<T>(ref: DocumentRef): Promise<T | undefined> {
    return (await this.documents.read(ref))?.body as T | undefined;
  }
}

const stored = ({ fetchedAt, content }: CatalogDocument): StoredCatalog => ({
  fetchedAt: new Date(fetchedAt),
  content,
});
