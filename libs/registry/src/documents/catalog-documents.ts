import { setTimeout as pause } from 'node:timers/promises';
import type { RecordedDocuments } from '#audit';
import type { Json, JsonObject, MemberRef } from '#kernel';
import { DatabaseUnavailableError, DocumentConflictError, type DocumentRef, type Documents } from '#persistence';
import type { StoredCatalog } from '../catalog.store.js';
import { type ServerDocument, catalogRef, serverRef, specificationRef } from './server-documents.js';

const TRIES = 20;
const PAUSE_MS = 100;

export interface CatalogDocument {
  /** That of the server that it belongs to. */
  readonly life: string;
  readonly fetchedAt: string;
  readonly content: unknown;
}

export interface SpecificationDocument {
  readonly life: string;
  /** base64 */
  readonly document: string;
}

/** Writes catalogues of servers, each with the life of its server: ids come again, and somebody may come late. */
export class CatalogDocuments {
  constructor(
    private readonly recorded: RecordedDocuments,
    private readonly documents: Documents,
  ) {}

  async lifeOf(ref: MemberRef): Promise<string | undefined> {
    const server = await this.recorded.read(serverRef(ref));
    return (server?.body as unknown as ServerDocument | undefined)?.life;
  }

  /** Leaves what a later server of the id has. @throws DatabaseUnavailableError, also when too many write it at once */
  async write(ref: MemberRef, life: string, { fetchedAt, content, document }: StoredCatalog): Promise<void> {
    const put = (at: DocumentRef, body: JsonObject) => this.put(at, { life, ...body }, () => this.isOver(ref, life));
    if (document) await put(specificationRef(ref), { document: document.toString('base64') });
    const plain = JSON.parse(JSON.stringify(content ?? null)) as Json;
    await put(catalogRef(ref), { fetchedAt: fetchedAt.toISOString(), content: plain });
  }

  private async isOver(ref: MemberRef, life: string): Promise<boolean> {
    return (await this.lifeOf(ref)) !== life;
  }

  private async put(
    ref: DocumentRef,
    body: JsonObject & { readonly life: string },
    isOver: () => Promise<boolean>,
  ): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await this.documents.read(ref);
      // Asked in this order: what a later server writes after the answer is a conflict.
      if (before && before.body['life'] !== body.life && (await isOver())) return;
      try {
        await this.documents.write(ref, body, before?.rev);
        return;
      } catch (error) {
        if (!(error instanceof DocumentConflictError)) throw error;
        await pause(Math.random() * PAUSE_MS);
      }
    }
    throw new DatabaseUnavailableError('is written to by too many at once');
  }
}
