import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { Log, SecretValues } from '#observability';
import { Deadlines } from './deadlines.js';

const TICK_MS = 100;

describe('Deadlines', () => {
  let deadlines: Deadlines;
  let lines: string[];

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
    lines = [];
    deadlines = new Deadlines(
      Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line)),
    );
  });
  afterEach(() => {
    deadlines.onApplicationShutdown();
    jest.useRealTimers();
  });

  it('fires once, never early and at most one tick late, wherever between two ticks it begins', () => {
    fc.assert(
      fc.property(fc.nat(350), fc.array(fc.nat(2_000), { minLength: 1, maxLength: 20 }), (offset, waits) => {
        const seen: { wait: number; after: number }[] = [];
        deadlines.add(150, () => undefined);
        jest.advanceTimersByTime(offset);
        const start = performance.now();
        for (const wait of waits) deadlines.add(wait, () => seen.push({ wait, after: performance.now() - start }));
        jest.advanceTimersByTime(2_000 + 3 * TICK_MS);
        expect(seen).toHaveLength(waits.length);
        for (const { wait, after } of seen) {
          expect(after).toBeGreaterThanOrEqual(wait);
          // The tick it falls into, and the turn that sees it.
          expect(after).toBeLessThanOrEqual(wait + 2 * TICK_MS);
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([0, -1, -1_000])('fires soon when there are %s ms left', (ms) => {
    const expire = jest.fn();
    deadlines.add(5_000, () => undefined);
    deadlines.add(ms, expire);
    jest.advanceTimersByTime(2 * TICK_MS);
    expect(expire).toHaveBeenCalledTimes(1);
  });

  it('lets one that throws keep no other from firing, and tells of it', () => {
    const expire = jest.fn();
    deadlines.add(500, () => {
      throw new Error('a bug');
    });
    deadlines.add(500, expire);
    jest.advanceTimersByTime(700);
    expect(expire).toHaveBeenCalledTimes(1);
    expect(lines.join('')).toContain('a bug');
  });

  it('does not fire once it was cleared, and clears no other of the same time', () => {
    const [first, second] = [jest.fn(), jest.fn()];
    const clear = deadlines.add(500, first);
    deadlines.add(500, second);
    clear();
    clear();
    jest.advanceTimersByTime(1_000);
    expect(first).not.toHaveBeenCalled();
    expect(second).toHaveBeenCalledTimes(1);
  });

  it('can be cleared by another one that fires first in the same tick', () => {
    const second = jest.fn();
    let clear = (): void => undefined;
    deadlines.add(100, () => clear());
    clear = deadlines.add(100, second);
    jest.advanceTimersByTime(1_000);
    expect(second).not.toHaveBeenCalled();
  });

  it('catches up with ticks that a busy process has missed', () => {
    const expire = jest.fn();
    deadlines.add(150, expire);
    jest.setSystemTime(Date.now() + 10_000);
    jest.advanceTimersByTime(10 * TICK_MS);
    expect(expire).toHaveBeenCalledTimes(1);
  });

  it('costs one timer however many deadlines there are, and none when there are none', () => {
    const clears = Array.from({ length: 1_000 }, (_, i) => deadlines.add(1_000 + i, () => undefined));
    expect(jest.getTimerCount()).toBe(1);
    for (const clear of clears) clear();
    jest.advanceTimersByTime(2 * TICK_MS);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('starts again after it had nothing to do', () => {
    const expire = jest.fn();
    deadlines.add(100, () => undefined);
    jest.advanceTimersByTime(1_000);
    deadlines.add(100, expire);
    jest.advanceTimersByTime(300);
    expect(expire).toHaveBeenCalledTimes(1);
  });

  it('fires nothing any more after shutdown', () => {
    const expire = jest.fn();
    deadlines.add(100, expire);
    deadlines.onApplicationShutdown();
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(1_000);
    expect(expire).not.toHaveBeenCalled();
  });
});
