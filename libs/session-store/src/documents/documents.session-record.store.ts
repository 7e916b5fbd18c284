import { Clock, type TenantId } from '#kernel';
import { DocumentChanges, DocumentConflictError, Documents, type StoredDocument, writeUntilTaken } from '#persistence';
import { Injectable } from '@nestjs/common';
import {
  type NewSessionRecord,
  RANGE_LIMIT,
  type RecordRange,
  SESSION_LETTERS,
  type SessionRecord,
  SessionRecordStore,
} from '../session-record.store.js';

interface RecordDocument extends StoredDocument {
  readonly body: { readonly body: string; readonly until: number };
}

const PREFIX = 'session-records/';
/** After so long lists show what was put, on every node. */
const SHOWN_MS = 60_000;

/**
 * Records in a database of documents, one each. Times are those of this process's clock. Expired ones are removed by the
 * sweep of a process that has put some of their tenant.
 */
@Injectable()
export class DocumentsSessionRecordStore extends SessionRecordStore {
  /** Tenants that may have something to sweep, and until when at least. */
  private readonly seen = new Map<TenantId, number>();

  constructor(
    private readonly documents: Documents,
    private readonly changes: DocumentChanges,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async put(tenant: TenantId, records: readonly NewSessionRecord[], isNews: boolean): Promise<void> {
    const now = this.clock.now();
    for (const { session, name, body, seconds } of records) {
      const until = now + seconds * 1000;
      this.seen.set(tenant, Math.max(this.seen.get(tenant) ?? 0, until + SHOWN_MS));
      const ref = { partition: tenant, path: `${PREFIX}${session}/${name}` };
      await writeUntilTaken(this.documents, ref, () => ({ body, until }));
    }
    if (isNews) await this.changes.announce({ tenantId: tenant, topic: SESSION_LETTERS });
  }

  override async list(tenant: TenantId, session: string, { prefix, after }: RecordRange): Promise<SessionRecord[]> {
    const start = `${PREFIX}${session}/`;
    const range = { prefix: start + prefix, limit: RANGE_LIMIT, ...(after ? { after: start + after } : {}) };
    const found = await this.range(tenant, range);
    return found
      .filter(({ body }) => this.isAlive(body))
      .map(({ path, body }) => ({ session, name: path.slice(start.length), body: body.body }));
  }

  override async remove(tenant: TenantId, session: string, prefix: string): Promise<void> {
    const found = await this.range(tenant, { prefix: `${PREFIX}${session}/${prefix}`, limit: RANGE_LIMIT });
    for (const document of found) await this.drop(tenant, document);
  }

  override async sweep(limit: number): Promise<number> {
    let gone = 0;
    for (const [tenant, until] of [...this.seen]) {
      const own = await this.sweepTenant(tenant, limit);
      gone += own;
      if (until < this.clock.now() && own < limit) this.seen.delete(tenant);
    }
    return gone;
  }

  private async sweepTenant(tenant: TenantId, limit: number): Promise<number> {
    let gone = 0;
    let after: string | undefined;
    for (;;) {
      const found = await this.range(tenant, { prefix: PREFIX, limit: RANGE_LIMIT, ...(after ? { after } : {}) });
      for (const document of found) {
        if (this.isAlive(document.body)) continue;
        if (gone >= limit) return gone;
        await this.drop(tenant, document);
        gone++;
      }
      if (found.length < RANGE_LIMIT) return gone;
      after = found.at(-1)!.path;
    }
  }

  private range(tenant: TenantId, range: { prefix: string; limit: number; after?: string }) {
    return this.documents.range(tenant, range) as Promise<readonly RecordDocument[]>;
  }

  private async drop(tenant: TenantId, { path, rev }: RecordDocument): Promise<void> {
    await this.documents.remove({ partition: tenant, path }, rev).catch((error: unknown) => {
      if (!(error instanceof DocumentConflictError)) throw error; // somebody has written it anew, or sees to it
    });
  }

  private isAlive({ until }: RecordDocument['body']): boolean {
    return until > this.clock.now();
  }
}
