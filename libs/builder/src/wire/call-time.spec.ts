import { Log, SecretValues } from '#observability';
import { until } from '#persistence/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallTime } from './call-time.js';
import { Deadlines } from './deadlines.js';

describe('CallTime', () => {
  let told: string[];
  let asked: number[];
  let deadlines: Deadlines;
  let time: CallTime;

  beforeEach(() => {
    [told, asked] = [[], []];
    deadlines = new Deadlines(Log.open({ level: 'fatal', format: 'json' }, new SecretValues()));
    time = new CallTime({
      deadlines: {
        add: (ms, expire) => {
          asked.push(ms);
          return deadlines.add(Math.min(ms, 200), expire);
        },
      },
      onExpired: () => told.push('expired'),
      onUnanswered: () => told.push('unanswered'),
    });
  });
  afterEach(() => deadlines.onApplicationShutdown());

  it('expires, once', async () => {
    time.begin(50);
    await until(() => told.length > 0, 'the end');
    expect(told).toEqual(['expired']);
  });

  it('rests while people are asked, and goes on with what was left', async () => {
    time.begin(50);
    time.rest();
    await until(() => told.length > 0, 'the end of the patience');
    expect(told).toEqual(['unanswered']);
    time.goOn();
    await until(() => told.length > 1, 'the end');
    expect(told).toEqual(['unanswered', 'expired']);
    expect(asked[2]).toBeLessThanOrEqual(50);
  });

  it('gives people ten minutes in all', async () => {
    time.begin(1_000);
    time.rest();
    await new Promise((resolve) => setTimeout(resolve, 30));
    time.goOn();
    time.rest();
    expect(asked[1]).toBe(600_000);
    expect(asked[3]).toBeLessThan(600_000 - 20);
    time.stop();
  });

  it('stops, whatever it waits for', async () => {
    time.begin(10);
    time.rest();
    time.stop();
    time.goOn();
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(told).toEqual([]);
  });
});
