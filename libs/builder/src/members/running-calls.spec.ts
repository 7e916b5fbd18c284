import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RunningCall } from '../member.js';
import { RunningCalls } from './running-calls.js';

describe('RunningCalls', () => {
  let calls: RunningCalls;
  let brokenOff: string[];

  beforeEach(() => {
    calls = new RunningCalls();
    brokenOff = [];
  });

  const callNamed = (name: string): RunningCall => {
    const call: RunningCall = {
      cancel: () => undefined,
      breakOff: () => {
        brokenOff.push(name);
        calls.remove(call);
        if (name === 'faulty') throw new Error('boom');
      },
    };
    return call;
  };
  const begin = (name: string): RunningCall => {
    const call = callNamed(name);
    calls.add(call, 1);
    return call;
  };
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);

  it('is drained at once when nothing is under way', async () => {
    await calls.drained(60_000, onFault);
  });

  it('is drained with the end of the last call, and breaks none off', async () => {
    const [first, second] = [begin('first'), begin('second')];
    let isDrained = false;
    const drained = calls.drained(60_000, onFault).then(() => (isDrained = true));
    calls.remove(first);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDrained).toBe(false);
    calls.remove(second);
    await drained;
    expect(brokenOff).toEqual([]);
  });

  it('breaks off what is still under way when the time has passed', async () => {
    jest.useFakeTimers();
    try {
      calls.remove(begin('first'));
      begin('second');
      begin('third');
      const drained = calls.drained(5_000, onFault);
      await jest.advanceTimersByTimeAsync(4_999);
      expect(brokenOff).toEqual([]);
      await jest.advanceTimersByTimeAsync(1);
      await drained;
      expect(brokenOff).toEqual(['second', 'third']);
    } finally {
      jest.useRealTimers();
    }
  });

  it('breaks off the others when one cannot be, and tells', async () => {
    for (const name of ['first', 'faulty', 'last']) begin(name);
    await calls.drained(0, onFault);
    expect(brokenOff).toEqual(['first', 'faulty', 'last']);
    expect(faults).toEqual([new Error('boom')]);
  });

  it('takes 200 calls and another one for every one that ends', () => {
    const all = Array.from({ length: 200 }, (_, at) => begin(String(at)));
    const next = callNamed('next');
    expect(calls.add(next, 0)).toBe(false);
    // A call that was refused ends none of the others.
    calls.remove(next);
    expect(calls.add(next, 0)).toBe(false);
    calls.remove(all[7]!);
    expect(calls.add(next, 0)).toBe(true);
  });

  it('takes calls of 32 MiB together', () => {
    const mib = 1024 * 1024;
    const [first, second] = [callNamed('first'), callNamed('second')];
    expect(calls.add(first, 20 * mib)).toBe(true);
    expect(calls.add(second, 12 * mib + 1)).toBe(false);
    expect(calls.add(second, 12 * mib)).toBe(true);
    expect(calls.add(callNamed('third'), 1)).toBe(false);
    calls.remove(first);
    expect(calls.add(callNamed('third'), 20 * mib)).toBe(true);
  });
});
