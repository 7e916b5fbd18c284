import { principalId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { until } from '#persistence/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PerPrincipal } from './per-principal.js';
import { Deadlines } from './wire/deadlines.js';

const [ann, bob, eve] = ['ann', 'bob', 'eve'].map(principalId) as [never, never, never];

describe('PerPrincipal', () => {
  let released: string[];
  let busy: Set<string>;
  let deadlines: Deadlines;
  beforeEach(() => {
    [released, busy] = [[], new Set()];
    deadlines = new Deadlines(Log.open({ level: 'fatal', format: 'json' }, new SecretValues()));
  });
  afterEach(() => deadlines.onApplicationShutdown());

  const open = (max = 2, idleMs = 60_000) =>
    new PerPrincipal<string>({
      max,
      idleMs,
      deadlines,
      make: (principal, tool) => `${principal}/${tool ?? '*'}`,
      isInUse: (one) => busy.has(one),
      release: (one) => released.push(one),
    });

  it('keeps one for each, and one for each tool', () => {
    const kept = open(4);
    expect([kept.of(ann), kept.of(ann, 'pay'), kept.of(bob), kept.of(ann)]).toEqual([
      'ann/*',
      'ann/pay',
      'bob/*',
      'ann/*',
    ]);
    expect([kept.size, kept.every(ann), kept.every()]).toEqual([
      3,
      ['ann/pay', 'ann/*'],
      ['ann/pay', 'bob/*', 'ann/*'],
    ]);
  });

  it('takes no name for a principal that another principal could have', () => {
    const kept = open(4);
    const odd = principalId('["ann","pay"]');
    kept.of(ann, 'pay');
    expect(kept.of(odd)).toBe('["ann","pay"]/*');
  });

  it('lets the one go that was not used for the longest time, but none that is in use', () => {
    const kept = open();
    kept.of(ann);
    kept.of(bob);
    kept.of(ann);
    expect(kept.of(eve)).toBe('eve/*');
    expect(released).toEqual(['bob/*']);
    busy = new Set(['ann/*', 'eve/*']);
    expect(kept.of(bob)).toBeUndefined();
    busy = new Set(['ann/*']);
    expect(kept.of(bob)).toBe('bob/*');
    expect(released).toEqual(['bob/*', 'eve/*']);
  });

  it('lets those go that nobody uses any more, by itself', async () => {
    const kept = open(4, 200);
    kept.of(ann);
    busy.add(kept.of(bob)!);
    await until(() => released.includes('ann/*'), 'ann to go');
    expect(kept.every()).toEqual(['bob/*']);
    busy.clear();
    await until(() => released.includes('bob/*'), 'bob to go');
    expect(kept.size).toBe(0);
  });

  it('releases all of them in the end', () => {
    const kept = open();
    busy.add(kept.of(ann)!);
    kept.clear();
    expect([released, kept.size]).toEqual([['ann/*'], 0]);
  });
});
