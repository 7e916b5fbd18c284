import { RecordedDocuments } from '#audit';
import type { Json, JsonObject, MemberRef, TenantId } from '#kernel';
import { type DocumentRef, Documents, writeUntilTaken } from '#persistence';
import { Injectable } from '@nestjs/common';
import { CatalogStore, type StoredCatalog } from '../catalog.store.js';
import {
  ALL,
  CATALOGS,
  SERVERS,
  type ServerDocument,
  catalogRef,
  everyServer,
  serverRef,
  specificationRef,
} from './server-documents.js';

interface CatalogDocument {
  /** That of the server that it belongs to. */
  readonly life: string;
  readonly fetchedAt: string;
  readonly content: unknown;
}

interface SpecificationDocument {
  readonly life: string;
  /** base64 */
  readonly document: string;
}

/** Catalogues on documents. One whose server is gone, or another one by now, is as good as none. */
@Injectable()
export class DocumentsCatalogStore extends CatalogStore {
  constructor(
    private readonly recorded: RecordedDocuments,
    private readonly documents: Documents,
  ) {
    super();
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
      this.lifeOf(ref),
      this.bodyAt<CatalogDocument>(catalogRef(ref)),
      this.bodyAt<SpecificationDocument>(specificationRef(ref)),
    ]);
    if (!catalog || catalog.life !== life) return undefined;
    const document = specification?.life === life ? Buffer.from(specification.document, 'base64') : undefined;
    return { ...stored(catalog), ...(document ? { document } : {}) };
  }

  override async write(ref: MemberRef, { fetchedAt, content, document }: StoredCatalog): Promise<void> {
    const life = await this.lifeOf(ref);
    if (life === undefined) return;
    if (document) await this.put(specificationRef(ref), { life, document: document.toString('base64') });
    const plain = JSON.parse(JSON.stringify(content ?? null)) as Json;
    await this.put(catalogRef(ref), { life, fetchedAt: fetchedAt.toISOString(), content: plain });
  }

  private async lifeOf(ref: MemberRef): Promise<string | undefined> {
    const server = await this.recorded.read(serverRef(ref));
    return (server?.body as unknown as ServerDocument | undefined)?.life;
  }

  private async bodyAt<T>(ref: DocumentRef): Promise<T | undefined> {
    return (await this.documents.read(ref))?.body as T | undefined;
  }

  private async put(ref: DocumentRef, body: JsonObject): Promise<void> {
    await writeUntilTaken(this.documents, ref, () => body);
  }
}

const stored = ({ fetchedAt, content }: CatalogDocument): StoredCatalog => ({
  fetchedAt: new Date(fetchedAt),
  content,
});
