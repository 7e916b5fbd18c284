import type { JsonObject } from '#kernel';
import { type DocumentRange, type DocumentRef, Documents, type StoredDocument } from '../src/documents/documents.js';
import { DocumentConflictError } from '../src/persistence.errors.js';

/** Documents of one process, with the promises of the real ones. */
export class MemoryDocuments extends Documents {
  private readonly partitions = new Map<string, Map<string, StoredDocument>>();
  private count = 0;

  override async read({ partition, path }: DocumentRef): Promise<StoredDocument | undefined> {
    return structuredClone(this.partitions.get(partition)?.get(path));
  }

  override async range(
    partition: DocumentRef['partition'],
    { prefix, after = '', limit = 1000, order = 'ascending' }: DocumentRange,
  ): Promise<readonly StoredDocument[]> {
    const isBehind = (path: string) => after === '' || (order === 'ascending' ? path > after : path < after);
    const found = [...(this.partitions.get(partition)?.values() ?? [])]
      .filter(({ path }) => path.startsWith(prefix) && isBehind(path))
      .sort((a, b) => (a.path < b.path === (order === 'ascending') ? -1 : 1));
    return structuredClone(found.slice(0, limit));
  }

  override async write({ partition, path }: DocumentRef, body: JsonObject, rev?: string): Promise<string> {
    const documents = this.partitions.get(partition) ?? new Map<string, StoredDocument>();
    if (documents.get(path)?.rev !== rev) throw new DocumentConflictError();
    const document = { path, rev: `${++this.count}`, body: structuredClone(body) };
    documents.set(path, document);
    this.partitions.set(partition, documents);
    return document.rev;
  }

  override async remove({ partition, path }: DocumentRef, rev: string): Promise<void> {
    const stored = this.partitions.get(partition)?.get(path);
    if (!stored) return;
    if (stored.rev !== rev) throw new DocumentConflictError();
    this.partitions.get(partition)!.delete(path);
  }
}
