import type { JsonObject } from '#kernel';
import { type DocumentRef, Documents } from '#persistence';

/** What is asked of documents; of a range its prefix. */
export interface WatchedRequest extends DocumentRef {
  readonly method: 'read' | 'range' | 'write' | 'remove';
  readonly body?: JsonObject;
}

/** Documents as one process sees them, where a test is told of each request before it is carried out, and may fail it. */
export class WatchedDocuments extends Documents {
  constructor(
    private readonly inner: Documents,
    private readonly before: (request: WatchedRequest) => unknown,
  ) {
    super();
  }

  override async read(ref: DocumentRef) {
    await this.before({ method: 'read', ...ref });
    return this.inner.read(ref);
  }

  override async range(partition: DocumentRef['partition'], range: Parameters<Documents['range']>[1]) {
    await this.before({ method: 'range', partition, path: range.prefix });
    return this.inner.range(partition, range);
  }

  override async write(ref: DocumentRef, body: JsonObject, rev?: string) {
    await this.before({ method: 'write', ...ref, body });
    return this.inner.write(ref, body, rev);
  }

  override async remove(ref: DocumentRef, rev: string) {
    await this.before({ method: 'remove', ...ref });
    await this.inner.remove(ref, rev);
  }
}
