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

  const begin = (name: string): RunningCall => {
    const call: RunningCall = {
      cancel: () => undefined,
      breakOff: () => {
        brokenOff.push(name);
        calls.remove(call);
      },
    };
    calls.add(call);
    return call;
  };

  it('is drained at once when nothing is under way', async () => {
    await calls.drained(60_000);
  });

  it('is drained with the end of the last call, and breaks none off', async () => {
    const [first, second] = [begin('first'), begin('second')];
    let isDrained = false;
    const drained = calls.drained(60_000).then(() => (isDrained = true));
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
      const drained = calls.drained(5_000);
      await jest.advanceTimersByTimeAsync(4_999);
      expect(brokenOff).toEqual([]);
      await jest.advanceTimersByTimeAsync(1);
      await drained;
      expect(brokenOff).toEqual(['second', 'third']);
    } finally {
      jest.useRealTimers();
    }
  });
});
