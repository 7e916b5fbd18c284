import { Clock, type JsonObject, type TenantId, tenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import type { Change, NumberedChange } from '../database/transaction.js';
import { type DocumentRef, Documents, OPERATOR, type StoredDocument } from '../documents/documents.js';
import { DatabaseUnavailableError, DocumentConflictError } from '../persistence.errors.js';

export const CHANGES = 'changes/';
/** How often a count is made again that was cleared away meanwhile. */
const TRIES = 5;

/** Every change there ever was, counted per topic of a tenant, one document each: what the other processes look at. */
@Injectable()
export class DocumentChanges {
  private readonly listeners = new Set<(change: NumberedChange) => void>();

  constructor(
    private readonly documents: Documents,
    private readonly clock: Clock,
  ) {}

  /**
   * Tells every replica that something of its tenant has changed: this one at once, the others by their next look. Call
   * it when the change is written. One that was written and not announced is not found by others, so whoever may die in
   * between makes up for it.
   *
   * @throws DatabaseUnavailableError
   */
  async announce({ tenantId, topic }: Change): Promise<void> {
    const version = await this.count(refOf({ tenantId, topic }));
    for (const listener of this.listeners) listener({ tenantId, topic, version });
  }

  /** Takes away what was counted of a tenant that was removed, so long ago that everybody has heard of it. */
  async forget(tenant: TenantId): Promise<void> {
    for (const { path, rev } of await this.documents.range(OPERATOR, { prefix: `${CHANGES}${tenant}/` })) {
      await this.documents.remove({ partition: OPERATOR, path }, rev);
    }
  }

  /** Calls `listener` for every change that this process has announced. Returns how to stop it. */
  onAnnounced(listener: (change: NumberedChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async count(ref: DocumentRef): Promise<number> {
    let before = await this.documents.read(ref);
    let least = 0;
    for (let tries = 1; ; tries++) {
      // No number comes twice, also when the document was removed in between; so numbers have gaps here.
      const version = Math.max(this.clock.now(), versionOf(before) + 1, least);
      try {
        await this.documents.write(ref, { version }, before?.rev);
        return version;
      } catch (error) {
        if (!(error instanceof DocumentConflictError)) throw error;
        const other = await this.documents.read(ref);
        // Somebody announced the same topic after our change was written: who follows that one finds ours too.
        if (other && other.rev !== before?.rev) return versionOf(other);
        if (tries >= TRIES) throw new DatabaseUnavailableError('does not count a change');
        // What was there before was read by others, and is not there any more.
        least = version;
        before = other;
      }
    }
  }
}

/** The change that a document of `CHANGES` counts. */
export function changeOf({ path, body }: Pick<StoredDocument, 'path' | 'body'>): NumberedChange {
  const [tenant = '', ...topic] = path.slice(CHANGES.length).split('/');
  return { tenantId: tenantId(tenant), topic: topic.join('/'), version: versionOf({ body }) };
}

const refOf = ({ tenantId, topic }: { readonly tenantId: TenantId; readonly topic: string }): DocumentRef => ({
  partition: OPERATOR,
  path: `${CHANGES}${tenantId}/${topic}`,
});

const versionOf = (document: { readonly body: JsonObject } | undefined): number =>
  Number(document?.body['version'] ?? 0);
