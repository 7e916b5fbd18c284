import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '../../testing/until.js';
import { type Pace, PacedLoop } from './paced-loop.js';

describe('a paced loop', () => {
  const open: PacedLoop[] = [];
  afterEach(async () => void (await Promise.all(open.splice(0).map((loop) => loop.stop()))));
  const loopOf = (work: () => Promise<void>, pace: Pace): PacedLoop => {
    const loop = new PacedLoop(work, pace);
    open.push(loop);
    loop.start();
    return loop;
  };

  it('goes on by itself', async () => {
    let turns = 0;
    loopOf(async () => void turns++, { everyMs: 5, apartMs: 0 });
    await until(() => turns > 5, 'some turns');
  });

  it('begins a turn after every wake-up, also one that comes during a turn, and never two at once', async () => {
    let [running, most, seen, wanted] = [0, 0, 0, 0];
    const loop = loopOf(
      async () => {
        most = Math.max(most, ++running);
        const begunWith = wanted;
        await new Promise((resolve) => setTimeout(resolve, 2));
        seen = begunWith;
        running--;
      },
      { everyMs: 60_000, apartMs: 0 },
    );
    for (let n = 0; n < 50; n++) {
      wanted++;
      loop.wake();
      if (n % 10 === 0) await until(() => seen === wanted, 'a turn that began after the wake-up', 1_000);
    }
    await until(() => seen === wanted, 'the last one', 1_000);
    expect(most).toBe(1);
  });

  it('keeps its turns apart however often it is woken', async () => {
    const begun: number[] = [];
    const loop = loopOf(async () => void begun.push(performance.now()), { everyMs: 60_000, apartMs: 50 });
    await until(() => {
      loop.wake();
      return begun.length >= 4;
    }, 'four turns');
    for (let n = 1; n < begun.length; n++) expect(begun[n]! - begun[n - 1]!).toBeGreaterThan(45);
  });

  it('waits at its stop for the turn under way, and begins none after it', async () => {
    let [begun, ended] = [0, 0];
    const loop = loopOf(
      async () => {
        begun++;
        await new Promise((resolve) => setTimeout(resolve, 30));
        ended++;
      },
      { everyMs: 60_000, apartMs: 0 },
    );
    loop.wake();
    await until(() => begun === 1, 'a turn');
    loop.wake();
    await loop.stop();
    loop.wake();
    expect([begun, ended]).toEqual([1, 1]);
  });
});
