import { Log } from '#observability';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

const TICK_MS = 100;

/**
 * Deadlines of calls, kept by one timer: thousands of calls under way cost one wake-up a tick instead of a timer each.
 * A deadline fires up to one tick late, never early.
 */
@Injectable()
export class Deadlines implements OnApplicationShutdown {
  private readonly slots = new Map<number, Set<() => void>>();
  private timer: NodeJS.Timeout | undefined;
  private lastTick = 0;

  constructor(private readonly log: Log) {}

  /** Calls `expire` once, `ms` from now, unless the returned function is called first. */
  add(ms: number, expire: () => void): () => void {
    this.start();
    // A tick that has passed already would never come round again.
    const tick = Math.max(Math.ceil((performance.now() + ms) / TICK_MS), this.lastTick + 1);
    let slot = this.slots.get(tick);
    if (!slot) this.slots.set(tick, (slot = new Set()));
    slot.add(expire);
    return () => {
      if (slot.delete(expire) && slot.size === 0) this.slots.delete(tick);
    };
  }

  onApplicationShutdown(): void {
    this.stop();
    this.slots.clear();
  }

  private start(): void {
    if (this.timer) return;
    this.lastTick = Math.floor(performance.now() / TICK_MS);
    this.timer = setInterval(() => this.turn(), TICK_MS);
    this.timer.unref();
  }

  private turn(): void {
    const now = Math.floor(performance.now() / TICK_MS);
    for (let tick = this.lastTick + 1; tick <= now; tick++) {
      const due = this.slots.get(tick);
      this.slots.delete(tick);
      for (const expire of due ?? []) this.call(expire);
    }
    this.lastTick = now;
    if (this.slots.size === 0) this.stop();
  }

  /** What goes wrong in one call is that call's: the others that are due still get their turn. */
  private call(expire: () => void): void {
    try {
      expire();
    } catch (error) {
      this.log.error('what a deadline called failed internally', { err: error });
    }
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
