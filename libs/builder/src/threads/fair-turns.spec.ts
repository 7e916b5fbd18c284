import { describe, expect, it } from '@jest/globals';
import { FairTurns } from './fair-turns.js';

describe('FairTurns', () => {
  const turns = (limits = {}) => new FairTurns({ atOnce: 2, waiting: 6, waitingOfOne: 4, ...limits });
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('give a lane that asks for one its turn before the many that another has asked for', async () => {
    const all = turns();
    const order: string[] = [];
    const ends: (() => void)[] = [];
    const ask = (name: string): boolean => {
      const turn = all.take(name);
      void turn?.then((end) => {
        order.push(name);
        ends.push(end);
      });
      return turn !== undefined;
    };
    for (const name of ['a', 'a', 'a', 'a', 'a', 'b', 'c']) expect(ask(name)).toBe(true);
    await settled();
    expect(order).toEqual(['a', 'a']);
    for (let ended = 0; ended < 7; ended++) {
      ends.shift()!();
      await settled();
    }
    expect(order).toEqual(['a', 'a', 'b', 'a', 'c', 'a', 'a']);
  });

  it('refuse what goes beyond the places to wait, of one lane and of all', () => {
    const one = turns();
    expect(Array.from({ length: 7 }, () => one.take('a') !== undefined)).toEqual([...Array(6).fill(true), false]);
    expect(one.take('b')).toBeDefined();
    const all = turns({ waiting: 2 });
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => all.take(name) !== undefined)).toEqual([
      ...Array(4).fill(true),
      false,
    ]);
  });

  it('remember nothing of whoever has ended', async () => {
    const all = turns();
    for (let at = 0; at < 10; at++) (await all.take(`tenant-${at}`))!();
    expect((all as unknown as { lanes: Map<string, unknown> }).lanes.size).toBe(0);
  });
});
