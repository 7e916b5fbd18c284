import { Log, SecretValues } from '#observability';
import { until } from '#persistence/testing';
import { describe, expect, it } from '@jest/globals';
import type { AuthorizationRecordStore } from './authorization-record.store.js';
import { RecordSweep } from './record-sweep.js';

const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);

function sweepOf(step: (limit: number) => Promise<number>): RecordSweep {
  return new RecordSweep({ sweep: step } as unknown as AuthorizationRecordStore, log);
}

describe('RecordSweep', () => {
  it('goes on as long as there is more than one sweep takes', async () => {
    let left = 1_234;
    const sweep = sweepOf(async (limit) => {
      const gone = Math.min(left, limit);
      left -= gone;
      return gone;
    });
    sweep.sweep();
    await until(() => left === 0, 'the last record');
    await sweep.onApplicationShutdown();
  });

  it('begins no further one while the process stops', async () => {
    let sweeps = 0;
    let finish = (_: number): void => undefined;
    const sweep = sweepOf((limit) => {
      sweeps += 1;
      return new Promise((resolve) => (finish = () => resolve(limit)));
    });
    sweep.sweep();
    sweep.sweep();
    const stopped = sweep.onApplicationShutdown();
    finish(0);
    await stopped;
    expect(sweeps).toBe(1);
  });

  it('tries again after one that failed', async () => {
    let sweeps = 0;
    const sweep = sweepOf(async () => {
      sweeps += 1;
      throw new Error('away');
    });
    sweep.sweep();
    await until(() => {
      sweep.sweep();
      return sweeps > 1;
    }, 'another sweep');
    await sweep.onApplicationShutdown();
  });
});
