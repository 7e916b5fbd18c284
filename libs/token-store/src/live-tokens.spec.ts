import { beforeEach, describe, expect, it } from '@jest/globals';
import { tenantId } from '#kernel';
import { SecretValues } from '#observability';
import { LiveTokens } from './live-tokens.js';
import { TokenSecrets } from './token-secrets.js';

const acme = tenantId('acme');
const MINUTE = 60_000;

describe('tokens in memory', () => {
  let now: number;
  let secrets: SecretValues;
  let live: LiveTokens;

  beforeEach(() => {
    now = 1_000_000;
    const clock = { now: () => now };
    secrets = new SecretValues();
    live = new LiveTokens(new TokenSecrets(secrets, clock), clock);
  });

  const kept = (name: string, mark = 'first') => ({
    live: { tokens: { accessToken: `token-of-${name}` }, generation: 1 },
    mark,
    reviewAt: Infinity,
  });
  const isKept = (place: string): boolean => live.find(place) !== undefined;

  it('are given for five minutes, and looked after when they are a minute old', () => {
    live.keep('acme/a', kept('a'));
    expect(live.find('acme/a')?.reviewAt).toBe(now + MINUTE);
    now += 5 * MINUTE - 1;
    expect(isKept('acme/a')).toBe(true);
    now += 1;
    expect(isKept('acme/a')).toBe(false);
  });

  it('are ten thousand at most: the one that was not used for longest goes', () => {
    for (let n = 0; n < 10_000; n++) live.keep(`acme/${n}`, kept(`${n}`));
    expect(isKept('acme/0')).toBe(true); // and is used by that
    live.keep('acme/more', kept('more'));
    expect([isKept('acme/0'), isKept('acme/1'), isKept('acme/2')]).toEqual([true, false, true]);
  });

  it('go when the store has another one or none, and stay when it has the same', () => {
    for (const name of ['same', 'other', 'gone']) live.keep(`acme/${name}`, kept(name));
    live.keep('globex/other', kept('foreign'));
    const { epoch } = live;
    live.doubt(acme);
    const doubted = live.doubted(acme);
    expect([...doubted.ids].sort()).toEqual(['gone', 'other', 'same']);
    expect(live.epoch).not.toBe(epoch);
    // Nothing is given that may be another one by now.
    expect(['acme/same', 'acme/other', 'globex/other'].map(isKept)).toEqual([false, false, true]);
    const marks = new Map([
      ['same', 'first'],
      ['other', 'second'],
    ]);
    live.compare(acme, doubted, marks);
    expect(['acme/same', 'acme/other', 'acme/gone', 'globex/other'].map(isKept)).toEqual([true, false, false, true]);
  });

  it('stay in doubt when another change came after the one that they were compared for', () => {
    for (const name of ['a', 'b']) live.keep(`acme/${name}`, kept(name));
    live.doubt(acme);
    const doubted = live.doubted(acme);
    live.doubt(acme);
    live.keep('acme/b', kept('b', 'second')); // read since
    const marks = new Map([
      ['a', 'first'],
      ['b', 'first'],
    ]);
    live.compare(acme, doubted, marks);
    expect(['acme/a', 'acme/b'].map(isKept)).toEqual([false, true]);
    live.compare(acme, live.doubted(acme), marks);
    expect(['acme/a', 'acme/b'].map(isKept)).toEqual([true, true]);
  });

  it('are masked while they are kept, and a minute longer, whatever is kept and dropped how often', () => {
    const isMasked = () => secrets.mask('token-of-a') === '[secret]';
    live.keep('acme/a', kept('a'));
    live.keep('acme/a', kept('a', 'second'));
    now += 2 * MINUTE;
    live.keep('acme/b', kept('b'));
    expect(isMasked()).toBe(true);
    live.drop('acme/a');
    live.drop('acme/a');
    now += MINUTE - 1;
    live.keep('acme/b', kept('b'));
    expect(isMasked()).toBe(true);
    now += 1;
    live.keep('acme/b', kept('b'));
    expect(isMasked()).toBe(false);
  });

  it('are forgotten at the end', () => {
    live.keep('acme/a', kept('a'));
    live.clear();
    expect(isKept('acme/a')).toBe(false);
  });
});
