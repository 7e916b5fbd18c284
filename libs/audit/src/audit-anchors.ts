import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AuditStore } from './audit-store.js';

const FIRST_AFTER_MS = 60_000;
const EVERY_MS = 60 * 60_000;

/**
 * Writes down how far the trails have come, in the log, which leaves the machine: whoever cuts off a trail later, head
 * and all, cannot take back what was written there. Soon after the start, and then every hour for each trail that has grown.
 */
@Injectable()
export class AuditAnchors implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly written = new Map<TenantId, number>();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly store: AuditStore,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.after(FIRST_AFTER_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    await this.running;
    clearTimeout(this.timer);
  }

  /** One line for each trail that has grown since the last one. */
  async write(): Promise<void> {
    for await (const { tenant, seq, hash } of this.store.heads()) {
      if (this.written.get(tenant) === seq) continue;
      this.written.set(tenant, seq);
      this.log.info('audit anchor', { tenant, seq, hash });
    }
  }

  private after(ms: number): void {
    this.timer = setTimeout(() => {
      this.running = this.write()
        .catch((error: unknown) => this.log.warn('anchors of the audit trails could not be written', { err: error }))
        .finally(() => this.after(EVERY_MS));
    }, ms);
    this.timer.unref();
  }
}
