import { type TenantId, tenantId } from '#kernel';
import { Log } from '#observability';
import { Database } from '#persistence';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { AuditAnchor } from './audit-event.js';

const FIRST_AFTER_MS = 60_000;
const EVERY_MS = 60 * 60_000;
/** Heads that are read at once. */
const PAGE = 1000;

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
    private readonly database: Database,
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
    let last = '00000000-0000-0000-0000-000000000000' as string;
    for (;;) {
      const heads = await this.headsAfter(last);
      for (const { tenant, seq, hash } of heads) {
        if (this.written.get(tenant) === seq) continue;
        this.written.set(tenant, seq);
        this.log.info('audit anchor', { tenant, seq, hash });
      }
      if (heads.length < PAGE) return;
      last = heads.at(-1)!.tenant;
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

  private async headsAfter(last: string): Promise<readonly (AuditAnchor & { readonly tenant: TenantId })[]> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<{ tenant_id: string; seq: string; hash: Buffer }>(
        `SELECT tenant_id, seq, hash FROM audit_chains WHERE tenant_id > $1 ORDER BY tenant_id LIMIT ${PAGE}`,
        [last],
      ),
    );
    return rows.map(({ tenant_id, seq, hash }) => ({
      tenant: tenantId(tenant_id),
      seq: Number(seq),
      hash: hash.toString('hex'),
    }));
  }
}
