import { beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '#kernel';
import { ClientAddress } from './client-address.js';
import { FailedAttempts } from './failed-attempts.js';

class HandClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

describe('FailedAttempts', () => {
  let clock: HandClock;
  let attempts: FailedAttempts;
  beforeEach(() => {
    clock = new HandClock();
    attempts = new FailedAttempts(clock, new ClientAddress({ proxies: [] }));
  });
  const fail = (address: string, times: number): void => {
    for (let n = 0; n < times; n++) attempts.note(address);
  };

  it('lets twenty attempts fail, and then one every three seconds', () => {
    fail('192.0.2.1', 19);
    expect(attempts.wait('192.0.2.1')).toBe(0);
    fail('192.0.2.1', 1);
    expect(attempts.wait('192.0.2.1')).toBe(3);
    clock.time += 2_999;
    expect(attempts.wait('192.0.2.1')).toBe(1);
    clock.time += 1;
    expect(attempts.wait('192.0.2.1')).toBe(0);
    fail('192.0.2.1', 1);
    expect(attempts.wait('192.0.2.1')).toBe(3);
  });

  it('makes the wait longer for what fails meanwhile, up to about a minute', () => {
    fail('192.0.2.1', 1000);
    expect(attempts.wait('192.0.2.1')).toBe(63);
  });

  it('forgets in time', () => {
    fail('192.0.2.1', 20);
    clock.time += 3600_000;
    fail('192.0.2.1', 19);
    expect(attempts.wait('192.0.2.1')).toBe(0);
  });

  it('counts each source for itself', () => {
    fail('192.0.2.1', 20);
    expect(attempts.wait('192.0.2.1')).toBeGreaterThan(0);
    expect(attempts.wait('192.0.2.2')).toBe(0);
  });

  it('remembers a bounded number of addresses, those that failed last', () => {
    for (let n = 0; n < 10_001; n++) fail(`host-${n}`, 20);
    expect(attempts.wait('host-0')).toBe(0);
    expect(attempts.wait('host-1')).toBeGreaterThan(0);
  });
});
