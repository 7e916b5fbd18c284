import { principalId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { until } from '#persistence/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EVERYBODY } from '../member-credentials.js';
import { Deadlines } from '../wire/deadlines.js';
import { LeasedLinks } from './leased-links.js';

const [ann, bob] = ['ann', 'bob'].map(principalId) as [never, never];

describe('LeasedLinks', () => {
  let opened: number;
  let ended: number[];
  let restarted: number[];
  let heard: Set<number>;
  let spare: Set<() => Promise<void>>;
  let deadlines: Deadlines;
  beforeEach(() => {
    [opened, ended, restarted, heard, spare] = [0, [], [], new Set(), new Set()];
    deadlines = new Deadlines(Log.open({ level: 'fatal', format: 'json' }, new SecretValues()));
  });
  afterEach(() => deadlines.onApplicationShutdown());

  const open = (max = 2, idleMs = 60_000) =>
    new LeasedLinks({
      max,
      idleMs,
      deadlines,
      spare,
      isHeard: (link: object) => heard.has((link as { number: number }).number),
      open: (owner, profile) => {
        const number = ++opened;
        return {
          number,
          owner,
          profile,
          hold: () => undefined,
          restart: () => void restarted.push(number),
          end: () => void ended.push(number),
        };
      },
    });
  const of = (caller: never, profile = 'roots') => ({ owner: EVERYBODY, profile, principalId: caller });

  it('gives each call a link for itself, and one that was given back to the same principal and profile alone', () => {
    const links = open(5);
    const [one, other] = [links.take(of(ann))!, links.take(of(ann))!];
    expect([one.link.number, other.link.number]).toEqual([1, 2]);
    one.release(true);
    expect(links.take(of(bob))!.link.number).toBe(3);
    expect(links.take(of(ann, 'sampling'))!.link.number).toBe(4);
    expect(links.take(of(ann))!.link.number).toBe(1);
  });

  it('ends one on which the member may still say something of the call, and takes none back twice', () => {
    const links = open();
    const one = links.take(of(ann))!;
    one.release(false);
    one.release(true);
    expect(ended).toEqual([1]);
    expect(links.take(of(ann))!.link.number).toBe(2);
  });

  it('has no more than there may be; one that rests makes room, the oldest first', () => {
    const links = open(2);
    const [one, other] = [links.take(of(ann))!, links.take(of(ann))!];
    expect(links.take(of(bob))).toBeUndefined();
    other.release(true);
    one.release(true);
    expect(links.take(of(bob))!.link.number).toBe(3);
    expect(ended).toEqual([2]);
  });

  it('names those that rest as spare, and no others', async () => {
    const links = open(3);
    const one = links.take(of(ann))!;
    expect(spare.size).toBe(0);
    one.release(true);
    expect(spare.size).toBe(1);
    links.take(of(ann))!.release(true);
    expect(spare.size).toBe(1);
    await [...spare][0]!();
    expect([spare.size, ended, links.every()]).toEqual([0, [1], []]);
  });

  it('ends one that was not used for a while', async () => {
    const links = open(2, 50);
    links.take(of(ann))!.release(true);
    const used = links.take(of(bob))!;
    await until(() => ended.length > 0, 'the end of one');
    expect(ended).toEqual([1]);
    used.release(true);
    await until(() => ended.length > 1, 'the end of the other');
  });

  describe('that somebody hears', () => {
    it('is the one that the next call gets, or that a call has', () => {
      const links = open(5);
      expect(links.find(of(ann))!.number).toBe(1);
      heard.add(1);
      const [one, other] = [links.take(of(ann))!, links.take(of(ann))!];
      expect([one.link.number, other.link.number, links.find(of(bob))!.number]).toEqual([1, 2, 3]);
      one.release(true);
      other.release(true);
      expect([links.find(of(ann))!.number, links.take(of(ann))!.link.number]).toEqual([1, 1]);
      expect(links.find(of(ann))!.number).toBe(2);
    });

    it('goes on when it was not left clean, has rested for long, or another one needs room', async () => {
      const links = open(2, 50);
      links.find(of(ann));
      heard.add(1);
      links.take(of(ann))!.release(false);
      expect([ended, restarted, spare.size]).toEqual([[], [1], 0]);
      links.take(of(bob))!.release(true);
      expect(spare.size).toBe(1);
      expect(links.take(of(bob, 'sampling'))!.link.number).toBe(3);
      expect([ended, links.find(of(bob))]).toEqual([[2], undefined]);
      await new Promise((resolve) => deadlines.add(200, () => resolve(undefined)));
      expect(ended).toEqual([2]);
      heard.clear();
      await until(() => ended.length > 1, 'the end of what nobody hears');
    });
  });

  it('ends all of them, also what is leased, and gives none afterwards', async () => {
    const links = open(3);
    links.take(of(bob))!.release(true);
    const used = links.take(of(ann))!;
    await links.end();
    used.release(true);
    expect([ended, links.every(), links.take(of(ann))]).toEqual([[2, 1], [], undefined]);
  });
});
