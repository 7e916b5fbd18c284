import { Log, SecretValues } from '#observability';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemberMonitor } from './member-monitor.js';
import type { MemberPool } from './member-pool.js';
import type { MemberSlot } from './member-slot.js';

/** Members whose checks end when a test says so. */
class ToldPool {
  slots: MemberSlot[] = [];
  readonly begun: MemberSlot[] = [];
  private readonly ends = new Map<MemberSlot, (error?: Error) => void>();

  everyMember(): readonly MemberSlot[] {
    return this.slots;
  }
  check(slot: MemberSlot): Promise<void> {
    this.begun.push(slot);
    return new Promise((resolve, reject) => this.ends.set(slot, (error) => (error ? reject(error) : resolve())));
  }
  finish(slot: MemberSlot, error?: Error): void {
    this.ends.get(slot)!(error);
  }
}

const slot = (health_check?: { enabled: boolean; interval: number }, tenant = 'acme'): MemberSlot =>
  ({ ref: { tenantId: tenant }, nextCheckAt: 0, config: health_check && { health_check } }) as MemberSlot;
const EVERY_5 = { enabled: true, interval: 5 };

describe('MemberMonitor', () => {
  let pool: ToldPool;
  let monitor: MemberMonitor;
  let lines: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    pool = new ToldPool();
    lines = [];
    const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
    monitor = new MemberMonitor(pool as unknown as MemberPool, log);
    monitor.onApplicationBootstrap();
  });
  afterEach(async () => {
    for (const begun of pool.begun) pool.finish(begun);
    await monitor.beforeApplicationShutdown();
    jest.useRealTimers();
  });

  const checksOf = (one: MemberSlot) => pool.begun.filter((begun) => begun === one).length;
  /** Lets time pass, second by second, every check ending at once. */
  async function pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      await jest.advanceTimersByTimeAsync(1_000);
      for (const begun of pool.begun) pool.finish(begun);
    }
  }

  it('checks each member at its own interval, give or take a tenth', async () => {
    const [often, seldom] = [slot({ enabled: true, interval: 10 }), slot({ enabled: true, interval: 100 })];
    pool.slots = [often, seldom];
    await pass(300);
    expect(checksOf(often)).toBeGreaterThanOrEqual(25);
    expect(checksOf(often)).toBeLessThanOrEqual(34);
    expect(checksOf(seldom)).toBeGreaterThanOrEqual(3);
    expect(checksOf(seldom)).toBeLessThanOrEqual(4);
  });

  it('leaves members alone whose checks are switched off', async () => {
    const [off, on] = [slot({ enabled: false, interval: 5 }), slot({ enabled: true, interval: 5 })];
    pool.slots = [off, on];
    await pass(20);
    expect(checksOf(off)).toBe(0);
    expect(checksOf(on)).toBeGreaterThan(0);
  });

  it('begins no second check of a member while the first one is under way', async () => {
    const one = slot({ enabled: true, interval: 5 });
    pool.slots = [one];
    await jest.advanceTimersByTimeAsync(60_000);
    expect(checksOf(one)).toBe(1);
  });

  it('has eight checks under way at most', async () => {
    pool.slots = Array.from({ length: 20 }, (_, index) => slot(EVERY_5, `tenant-${index}`));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(pool.begun).toHaveLength(8);
    expect(new Set(pool.begun).size).toBe(8);
  });

  it('has four checks of one tenant under way at most, whatever hangs there', async () => {
    const [many, one] = [Array.from({ length: 20 }, () => slot(EVERY_5)), slot(EVERY_5, 'globex')];
    pool.slots = [...many, one];
    await jest.advanceTimersByTimeAsync(60_000);
    expect(pool.begun).toHaveLength(5);
    expect(checksOf(one)).toBe(1);
  });

  it('begins with the member that has waited longest', async () => {
    pool.slots = Array.from({ length: 20 }, (_, index) => slot(EVERY_5, `tenant-${index}`));
    pool.slots.forEach((one, index) => (one.nextCheckAt = -index));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(pool.begun).toEqual(pool.slots.slice(12).reverse());
  });

  it('goes on after a check that failed internally, and tells of it', async () => {
    const one = slot({ enabled: true, interval: 5 });
    pool.slots = [one];
    await jest.advanceTimersByTimeAsync(1_000);
    pool.finish(one, new Error('a bug'));
    await jest.advanceTimersByTimeAsync(10_000);
    expect(checksOf(one)).toBe(2);
    expect(lines.join('')).toContain('a check of a member failed internally');
  });

  it('waits at shutdown for the checks that have begun, and begins none', async () => {
    const one = slot({ enabled: true, interval: 5 });
    pool.slots = [one];
    await jest.advanceTimersByTimeAsync(1_000);
    let isDone = false;
    const stopping = monitor.beforeApplicationShutdown().then(() => (isDone = true));
    await jest.advanceTimersByTimeAsync(60_000);
    expect({ isDone, checks: checksOf(one) }).toEqual({ isDone: false, checks: 1 });
    pool.finish(one);
    await stopping;
  });
});
