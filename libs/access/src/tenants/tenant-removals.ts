import { RecordedDocuments, auditHeadRef } from '#audit';
import { Clock, type TenantId, tenantId } from '#kernel';
import { Log } from '#observability';
import {
  DatabaseUnavailableError,
  DocumentChanges,
  DocumentConflictError,
  type DocumentRef,
  Documents,
  OPERATOR,
  type StoredDocument,
  dataKeysRef,
  tenantDocument,
} from '#persistence';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';

const REMOVALS = 'tenant-removal/';
const EVERY_MS = 60_000;
/** How long whoever removes a tenant waits for its things to go. */
const BEGIN_MS = 10_000;
/** So long after its end there may come something of a tenant from somebody who has not heard of it. */
const LATE_MS = 10 * 60_000;
/** Documents that go at once: few at first, more as long as they are short, as they are read for that. */
const FIRST_BATCH = 4;
const LARGEST_BATCH = 32;
const SHORT_CHARACTERS = 512 * 1024;

/**
 * Takes away what belonged to tenants that were removed, a few documents at a time, and again until nothing comes any
 * more. The entry that says so is a claim of the removed tenant: it is there before the tenant is gone, so a crash leaves
 * nothing behind that nobody knows of.
 */
@Injectable()
export class TenantRemovals implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private isStopping = false;

  constructor(
    private readonly documents: Documents,
    private readonly recorded: RecordedDocuments,
    private readonly changes: DocumentChanges,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.running.then(() => this.sweepOrTell());
    }, EVERY_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearInterval(this.timer);
    await this.running;
  }

  refOf(id: TenantId): DocumentRef {
    return { partition: OPERATOR, path: `${REMOVALS}${id}` };
  }

  /** What cannot be done now is done by the sweep: the tenant is gone in any case. */
  async begin(id: TenantId): Promise<void> {
    try {
      await this.wipe(id, performance.now() + BEGIN_MS);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError)) throw error;
      this.log.warn('what a removed tenant had cannot be taken away yet', { tenant: id, err: error });
    }
  }

  async sweep(): Promise<void> {
    const removals = await this.documents.range(OPERATOR, { prefix: REMOVALS });
    for (const { path } of removals) {
      if (this.isStopping) return;
      await this.finish(tenantId(path.slice(REMOVALS.length))).catch(
        (error: unknown) => this.tell(error), // and the others all the same
      );
    }
  }

  private async finish(id: TenantId): Promise<void> {
    const ref = tenantDocument(id);
    const tenant = await this.recorded.read(ref);
    const removedAt = tenant?.body['removedAt'];
    if (!tenant || typeof removedAt !== 'string') return; // the removal is only about to begin
    const isEmpty = await this.wipe(id, performance.now() + EVERY_MS);
    if (!isEmpty || this.clock.now() - Date.parse(removedAt) < LATE_MS) return;
    await this.changes.forget(id);
    await this.recorded.remove(ref, tenant.rev, { event: undefined, releases: [this.refOf(id)] });
  }

  /** What opens the rest goes first. @returns whether nothing is left */
  private async wipe(id: TenantId, end: number): Promise<boolean> {
    for (const ref of [dataKeysRef(id), auditHeadRef(id)]) {
      const found = await this.documents.read(ref);
      if (found) await this.drop(ref, found.rev);
    }
    let [limit, most] = [FIRST_BATCH, LARGEST_BATCH];
    for (;;) {
      const isOver = () => performance.now() >= end || this.isStopping;
      const batch = await this.documents.range(id, { prefix: '', limit }).catch((error: unknown) => {
        if (!(error instanceof DatabaseUnavailableError) || limit === 1 || isOver()) throw error;
      });
      if (batch?.length === 0) return true;
      if (isOver()) return false;
      if (!batch) {
        limit = most = limit >> 1; // they may be too large to come together
        continue;
      }
      await Promise.all(batch.map(({ path, rev }) => this.drop({ partition: id, path }, rev)));
      limit = areShort(batch) ? Math.min(limit * 2, most) : Math.max(limit >> 1, 1);
    }
  }

  private async drop(ref: DocumentRef, rev: string): Promise<void> {
    try {
      await this.documents.remove(ref, rev);
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error; // the next round finds it again
    }
  }

  private sweepOrTell(): Promise<void> {
    return this.sweep().catch((error: unknown) => this.tell(error));
  }

  private tell(error: unknown): void {
    this.log.warn('what removed tenants had cannot be taken away yet', { err: error });
  }
}

const areShort = (documents: readonly StoredDocument[]): boolean =>
  documents.reduce((sum, { body }) => sum + JSON.stringify(body).length, 0) < SHORT_CHARACTERS;
