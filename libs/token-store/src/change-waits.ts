import type { TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
const GROWTH = 1.5;

/** Waits for what another process does: until something of the tenant is told to have changed, or a pause is over. */
@Injectable()
export class ChangeWaits {
  private readonly waiting = new Map<TenantId, Set<() => void>>();

  wake(tenant: TenantId): void {
    for (const wake of this.waiting.get(tenant) ?? []) wake();
  }

  /**
   * @param turn how often was waited before; the pauses grow
   * @param mostMs how long to wait at most
   */
  async wait(tenant: TenantId, turn: number, mostMs: number): Promise<void> {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * GROWTH ** turn) * (0.75 + Math.random() / 2);
    const waiting = this.waiting.get(tenant) ?? new Set();
    this.waiting.set(tenant, waiting);
    let timer: NodeJS.Timeout | undefined;
    let wake: () => void = () => undefined;
    try {
      await new Promise<void>((resolve) => {
        wake = resolve;
        waiting.add(wake);
        timer = setTimeout(resolve, Math.max(0, Math.min(pause, mostMs)));
      });
    } finally {
      clearTimeout(timer);
      waiting.delete(wake);
      if (waiting.size === 0) this.waiting.delete(tenant);
    }
  }
}
