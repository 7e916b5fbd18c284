import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { until } from '../../testing/until.js';
import type { Change } from '../database/transaction.js';
import { ChangeErrands } from './change-errands.js';
import type { ChangeListener } from './change-feed.js';

const change = (topic: string): Change => ({ tenantId: tenantId('t'), topic });

describe('errands of one listener', () => {
  let told: string[];
  let lines: string[];
  let done: number;
  let open: ChangeErrands[];
  beforeEach(() => {
    [told, lines, done, open] = [[], [], 0, []];
  });
  afterEach(() => {
    open.forEach((errands) => errands.close());
    jest.restoreAllMocks();
  });
  const errandsOf = (listener: ChangeListener): ChangeErrands => {
    const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
    const errands = new ChangeErrands(
      (news) => {
        told.push(news.topic);
        return listener(news);
      },
      log,
      () => done++,
    );
    open.push(errands);
    return errands;
  };
  const gate = () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open, opened };
  };

  it('are told before `add` returns where the listener is free, and are then done', () => {
    const errands = errandsOf(() => undefined);
    for (let n = 0; n < 10; n++) errands.add(change(`${n}`), '1');
    expect(told).toHaveLength(10);
    expect([errands.oldest(), done]).toEqual([undefined, 10]);
  });

  it('are as old as the oldest that is not taken over', async () => {
    const [first, second] = [gate(), gate()];
    const errands = errandsOf(({ topic }) => (topic === 'first' ? first.opened : second.opened));
    errands.add(change('first'), '1');
    errands.add(change('second'), '2');
    expect(errands.oldest()).toBe('1');
    first.open();
    await until(() => errands.oldest() === '2', 'the first to be taken over');
    second.open();
    await until(() => errands.oldest() === undefined, 'the second to be taken over');
  });

  it('that come while their topic is being told are told once more, and only once', async () => {
    const gates = [gate(), gate()];
    const errands = errandsOf(() => gates[told.length - 1]!.opened);
    errands.add(change('same'), '1');
    for (const since of ['2', '3', '4']) errands.add(change('same'), since);
    expect(told).toEqual(['same']);
    gates[0]!.open();
    await until(() => told.length === 2, 'the second round');
    expect(errands.oldest()).toBe('2');
    gates[1]!.open();
    await until(() => errands.oldest() === undefined, 'the end');
    expect(told).toEqual(['same', 'same']);
  });

  it('are told side by side, a few at a time', async () => {
    const door = gate();
    const errands = errandsOf(() => door.opened);
    for (let n = 0; n < 10; n++) errands.add(change(`${n}`), '1');
    expect(told).toHaveLength(4);
    door.open();
    await until(() => errands.oldest() === undefined, 'all of them');
    expect(told).toHaveLength(10);
  });

  it.each(['throws', 'rejects'])('are told again when the listener %s, until it succeeds', async (way) => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const errands = errandsOf(() => {
      if (told.length > 2) return undefined;
      const failure = new Error('not now');
      if (way === 'throws') throw failure;
      return Promise.reject(failure);
    });
    errands.add(change('hard'), '1');
    await until(() => lines.length === 1, 'the first failure');
    expect(errands.oldest()).toBe('1');
    await until(() => errands.oldest() === undefined, 'success', 5_000);
    expect(told).toHaveLength(3);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ failures: 1 }, { failures: 2 }]);
  });

  it('that failed are tried at once when there is news of them, and keep their age', async () => {
    const second = gate();
    const errands = errandsOf(() => (told.length === 1 ? Promise.reject(new Error('no')) : second.opened));
    errands.add(change('hard'), '1');
    await until(() => lines.length === 1, 'the failure');
    errands.add(change('hard'), '5');
    expect(told).toHaveLength(2);
    expect(errands.oldest()).toBe('1');
    second.open();
    await until(() => errands.oldest() === undefined, 'success');
  });

  it('are told no more once closed', async () => {
    const door = gate();
    const errands = errandsOf(() => door.opened);
    errands.add(change('a'), '1');
    errands.add(change('a'), '2');
    errands.close();
    errands.add(change('b'), '3');
    door.open();
    await until(() => done === 1, 'the one under way');
    expect(told).toEqual(['a']);
  });
});
