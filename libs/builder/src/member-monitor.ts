import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { MemberPool } from './member-pool.js';
import type { MemberSlot } from './member-slot.js';

const TICK_MS = 1_000;
/** Checks that may be under way at the same time. */
const PARALLEL = 8;
/** Of these, for the members of one tenant: what hangs at one may not hold the others up. */
const PARALLEL_OF_TENANT = 4;
/** Members without a check of their own are looked at only when somebody asks. */
const DEFAULT_INTERVAL_SECONDS = 30;

/** Checks every member now and then, each at its own interval with jitter, and takes over what it offers. */
@Injectable()
export class MemberMonitor implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private readonly running = new Map<MemberSlot, Promise<void>>();

  constructor(
    private readonly pool: MemberPool,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.turn(), TICK_MS);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.running.values());
  }

  private turn(): void {
    const now = performance.now();
    const due = this.pool
      .everyMember()
      .filter(
        (slot) => slot.nextCheckAt <= now && !this.running.has(slot) && slot.config?.health_check.enabled !== false,
      )
      .sort((a, b) => a.nextCheckAt - b.nextCheckAt);
    for (const slot of due) {
      if (this.running.size >= PARALLEL) return;
      if (this.runningOf(slot.ref.tenantId) >= PARALLEL_OF_TENANT) continue;
      slot.nextCheckAt = now + intervalOf(slot);
      this.check(slot);
    }
  }

  private runningOf(tenant: TenantId): number {
    return [...this.running.keys()].filter(({ ref }) => ref.tenantId === tenant).length;
  }

  private check(slot: MemberSlot): void {
    const check = this.pool
      .check(slot)
      .catch((error: unknown) => this.log.error('a check of a member failed internally', { err: error }))
      .finally(() => this.running.delete(slot));
    this.running.set(slot, check);
  }
}

function intervalOf({ config }: MemberSlot): number {
  const seconds = config?.health_check.interval ?? DEFAULT_INTERVAL_SECONDS;
  return seconds * 1000 * (0.9 + Math.random() * 0.2);
}
