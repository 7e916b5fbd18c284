import type { JsonObject } from '#kernel';
import { type DocumentRange, type DocumentRef, Documents, type StoredDocument } from '../src/documents/documents.js';

type Partition = DocumentRef['partition'];
/** What lists still show of a document that has changed: its former state, or that there was none. */
type Former = Map<string, StoredDocument | undefined>;

/**
 * Documents as a node shows them that hears late of what the others have: what is read by its name is true, and lists
 * show nothing of the changes that were made through here, until `catchUp`.
 */
export class StaleDocuments extends Documents {
  private readonly former = new Map<Partition, Former>();

  /** @param isLate which documents lists show as they were; all of them unless given */
  constructor(
    private readonly inner: Documents,
    private readonly isLate: (path: string) => boolean = () => true,
  ) {
    super();
  }

  /** Lists show everything that was changed until now. */
  catchUp(): void {
    this.former.clear();
  }

  override read(ref: DocumentRef): Promise<StoredDocument | undefined> {
    return this.inner.read(ref);
  }

  override async range(
    partition: Partition,
    { prefix, after, limit = 1000, order = 'ascending' }: DocumentRange,
  ): Promise<readonly StoredDocument[]> {
    const shown = new Map<string, StoredDocument | undefined>();
    for (const document of await this.all(partition, prefix)) shown.set(document.path, document);
    for (const [path, document] of this.former.get(partition) ?? []) shown.set(path, document);
    const isBehind = (path: string) => after === undefined || (order === 'ascending' ? path > after : path < after);
    return [...shown.values()]
      .filter((document) => document !== undefined)
      .filter(({ path }) => path.startsWith(prefix) && isBehind(path))
      .sort((a, b) => (a.path < b.path === (order === 'ascending') ? -1 : 1))
      .slice(0, limit);
  }

  override async write(ref: DocumentRef, body: JsonObject, rev?: string): Promise<string> {
    await this.note(ref);
    return this.inner.write(ref, body, rev);
  }

  override async remove(ref: DocumentRef, rev: string): Promise<void> {
    await this.note(ref);
    await this.inner.remove(ref, rev);
  }

  private async note({ partition, path }: DocumentRef): Promise<void> {
    const former: Former = this.former.get(partition) ?? new Map<string, StoredDocument | undefined>();
    this.former.set(partition, former);
    if (!this.isLate(path) || former.has(path)) return;
    former.set(path, undefined); // taken by whoever comes first
    former.set(path, await this.inner.read({ partition, path }));
  }

  private async all(partition: Partition, prefix: string): Promise<readonly StoredDocument[]> {
    const found: StoredDocument[] = [];
    for (let after: string | undefined; ;) {
      const page = await this.inner.range(partition, { prefix, ...(after === undefined ? {} : { after }) });
      found.push(...page);
      if (page.length < 1000) return found;
      after = page.at(-1)!.path;
    }
  }
}
