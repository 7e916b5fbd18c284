import { beforeEach, describe, expect, it } from '@jest/globals';
import { CloudantFault } from './cloudant-fault.js';
import { OutageBreaker } from './outage-breaker.js';

const busy = new CloudantFault(503, 'service_unavailable');

describe('OutageBreaker', () => {
  let now: number;
  let breaker: OutageBreaker;
  beforeEach(() => {
    now = 1_000;
    breaker = new OutageBreaker(() => now);
  });
  const fail = (times: number, ms = 0) => {
    for (let n = 0; n < times; n++) {
      now += ms;
      breaker.note(breaker.admit(), busy);
    }
  };
  const shut = () => fail(11, 500);

  it('lets through what a server misses that restarts, however many ask it', () => {
    fail(100, 49);
    expect(breaker.admit()).toBe('free');
    expect(breaker.outage).toBeUndefined();
  });

  it('lets through while there are answers in between, and where few ask', () => {
    for (let n = 0; n < 20; n++) {
      fail(6, 1_000);
      breaker.answered();
    }
    fail(7, 60_000);
    expect(breaker.admit()).toBe('free');
  });

  it('shuts after five seconds without an answer, and tells how long it lasts', () => {
    shut();
    expect(breaker.admit()).toBe('shut');
    now += 700;
    expect(breaker.outage).toEqual({ ms: 5_700, fault: busy });
  });

  it('asks again within two seconds, one at a time, for as long as it takes', () => {
    shut();
    for (let n = 0; n < 5; n++) {
      now += 900;
      expect(breaker.admit()).toBe('shut');
      now += 1_100;
      expect([1, 2, 3].map(() => breaker.admit())).toEqual(['probe', 'shut', 'shut']);
      breaker.note('free', busy); // of somebody who had asked before
      expect(breaker.admit()).toBe('shut');
      breaker.note('probe', busy);
    }
    expect(breaker.outage?.ms).toBe(15_000);
  });

  it('asks again after a probe that failed by no doing of the server', () => {
    shut();
    now += 2_000;
    breaker.note(breaker.admit(), undefined);
    expect([breaker.admit(), breaker.admit()]).toEqual(['probe', 'shut']);
  });

  it('opens for everybody with a refusal too', () => {
    shut();
    now += 2_000;
    breaker.note(breaker.admit(), new CloudantFault(409, 'conflict'));
    expect(breaker.admit()).toBe('free');
  });

  it('opens for everybody with the first answer, whoever gets it', () => {
    shut();
    breaker.answered();
    expect([breaker.admit(), breaker.admit(), breaker.outage]).toEqual(['free', 'free', undefined]);
    fail(7, 100);
    expect(breaker.admit()).toBe('free');
  });
});
