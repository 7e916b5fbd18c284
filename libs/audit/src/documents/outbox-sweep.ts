import { Clock } from '#kernel';
import { Log } from '#observability';
import { DocumentChanges, Documents } from '#persistence';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ChangeCompletion } from './change-completion.js';
import { DocumentsAuditTrail } from './documents.audit-trail.js';
import { type Mark, type Marked, Outbox } from './outbox.js';
import { LEFT_AFTER_MS } from './pending-change.js';

const EVERY_MS = 60_000;

/**
 * Finishes the changes that processes have left in the middle: records, makes and announces them. At the start, each
 * minute, and when a change that it has seen under way is old enough to have been left.
 */
@Injectable()
export class OutboxSweep implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly completion: ChangeCompletion;
  private readonly outbox: Outbox;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private isStopping = false;

  constructor(
    private readonly documents: Documents,
    private readonly trail: DocumentsAuditTrail,
    private readonly changes: DocumentChanges,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.completion = new ChangeCompletion(this.documents, this.trail, this.clock);
    this.outbox = new Outbox(this.documents);
  }

  onApplicationBootstrap(): void {
    this.after(0);
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** @returns in how many milliseconds there may be something to do again */
  async sweep(): Promise<number> {
    let next = EVERY_MS;
    for await (const mark of this.outbox.marks()) {
      if (this.isStopping) break;
      const age = this.clock.now() - mark.at;
      if (age > LEFT_AFTER_MS) await this.finish(mark);
      else next = Math.min(next, LEFT_AFTER_MS - age + 1_000);
    }
    return next;
  }

  /** What cannot be finished now may be at the next sweep, and keeps nobody else from it. */
  private async finish(mark: Mark & Marked): Promise<void> {
    const { id, ref, announces } = mark;
    try {
      await this.completion.finish(ref, id);
      if (announces) await this.changes.announce(announces);
      await this.outbox.unmark(mark);
      this.log.warn('a change that was left in the middle is finished', { document: ref.path, tenant: ref.partition });
    } catch (error) {
      this.log.warn('a change that was left in the middle cannot be finished yet', { document: ref.path, err: error });
    }
  }

  private after(ms: number): void {
    if (this.isStopping) return;
    this.timer = setTimeout(() => {
      this.running = this.sweep()
        .catch((error: unknown) => {
          this.log.warn('changes that were left in the middle cannot be looked for', { err: error });
          return EVERY_MS;
        })
        .then((next) => this.after(next));
    }, ms);
    this.timer.unref();
  }
}
