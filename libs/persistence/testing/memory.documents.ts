import type { JsonObject } from '#kernel';
import { type DocumentRange, type DocumentRef, Documents, type StoredDocument } from '../src/documents/documents.js';
import { checkedPartition, checkedRef } from '../src/documents/document-ref.js';
import { DocumentConflictError, DocumentTooLargeError } from '../src/persistence.errors.js';

const MOST_BYTES = 12 * 1024 * 1024;

/** Documents of one process, with the promises of the real ones. */
export class MemoryDocuments extends Documents {
  private readonly partitions = new Map<string, Map<string, StoredDocument>>();
  private count = 0;

  override async read(ref: DocumentRef): Promise<StoredDocument | undefined> {
    const { partition, path } = checkedRef(ref);
    return structuredClone(this.partitions.get(partition)?.get(path));
  }

  override async range(
    partition: DocumentRef['partition'],
    { prefix, after = '', limit = 1000, order = 'ascending' }: DocumentRange,
  ): Promise<readonly StoredDocument[]> {
    const isBehind = (path: string) => after === '' || (order === 'ascending' ? path > after : path < after);
    const found = [...(this.partitions.get(checkedPartition(partition))?.values() ?? [])]
      .filter(({ path }) => path.startsWith(prefix) && isBehind(path))
      .sort((a, b) => (a.path < b.path === (order === 'ascending') ? -1 : 1));
    return structuredClone(found.slice(0, limit));
  }

  override async write(ref: DocumentRef, body: JsonObject, rev?: string): Promise<string> {
    const { partition, path } = checkedRef(ref);
    if (Buffer.byteLength(JSON.stringify(body)) > MOST_BYTES) throw new DocumentTooLargeError(MOST_BYTES);
    const documents = this.partitions.get(partition) ?? new Map<string, StoredDocument>();
    if (documents.get(path)?.rev !== rev) throw new DocumentConflictError();
    const document = { path, rev: `${++this.count}`, body: structuredClone(body) };
    documents.set(path, document);
    this.partitions.set(partition, documents);
    return document.rev;
  }

  override async remove(ref: DocumentRef, rev: string): Promise<void> {
    const { partition, path } = checkedRef(ref);
    const stored = this.partitions.get(partition)?.get(path);
    if (!stored) return;
    if (stored.rev !== rev) throw new DocumentConflictError();
    this.partitions.get(partition)!.delete(path);
  }
}
