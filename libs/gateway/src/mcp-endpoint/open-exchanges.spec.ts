import type { IncomingMessage } from 'node:http';
import { Clock, tenantId } from '#kernel';
import type { Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SetClock } from '../../testing/set-clock.js';
import { type OpenExchange, OpenExchanges } from './open-exchanges.js';

const [acme, globex] = [tenantId('acme'), tenantId('globex')];
const by = (id: string, key: string, tenant = acme) =>
  principalOf(id, { tenantId: tenant, credential: { kind: 'api_key', id: key } });

/** An answer that keeps what became of it. */
class ToldExchange implements OpenExchange {
  readonly endsWithCredential = false;
  readonly request: IncomingMessage;
  readonly ended: string[] = [];
  readonly takeOut: () => void;

  constructor(
    public principal: Principal,
    exchanges: OpenExchanges,
  ) {
    this.request = { url: '/mcp', key: principal.credential.id } as unknown as IncomingMessage;
    this.takeOut = exchanges.add(this);
  }
  end({ code }: { code: string }): void {
    this.ended.push(code);
    this.takeOut();
  }
  goOnAs(principal: Principal): void {
    this.principal = principal;
  }
}

const keyOf = (request: IncomingMessage) => (request as unknown as { key: string }).key;

describe('OpenExchanges', () => {
  let exchanges: OpenExchanges;
  beforeEach(() => void (exchanges = new OpenExchanges(new Clock())));

  const open = (...whose: Parameters<typeof by>) => new ToldExchange(by(...whose), exchanges);

  it('end what matches, once, and nothing else', () => {
    const [ann, again, bob] = [open('ann', 'k1'), open('ann', 'k1'), open('bob', 'k2')];
    expect(exchanges.end(({ id }) => id === 'ann')).toBe(2);
    expect(exchanges.end(({ id }) => id === 'ann')).toBe(0);
    expect([ann.ended, again.ended, bob.ended]).toEqual([['COMPOSER_ACCESS_ENDED'], ['COMPOSER_ACCESS_ENDED'], []]);
    expect(exchanges.size).toBe(1);
  });

  it('ask once for each credential of the tenant, and end those that hold no more', async () => {
    const ended = [open('ann', 'k1'), open('ann', 'k1')];
    const others = [open('ann', 'k2'), open('bob', 'k3'), open('ann', 'k1', globex)];
    const asked: string[] = [];
    const ask = async (request: IncomingMessage) => {
      asked.push(keyOf(request));
      return keyOf(request) === 'k1' ? undefined : by('any', keyOf(request));
    };
    expect(await exchanges.recheck(acme, ask)).toBe(2);
    expect(asked.sort()).toEqual(['k1', 'k2', 'k3']);
    expect(ended.map((one) => one.ended.length)).toEqual([1, 1]);
    expect(others.map((one) => one.ended.length)).toEqual([0, 0, 0]);
  });

  it('ask a few questions at a time, however many there are', async () => {
    for (let i = 0; i < 50; i++) open('ann', `k${i}`);
    let [now, most] = [0, 0];
    await exchanges.recheck(acme, async (request) => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      return by('ann', keyOf(request));
    });
    expect(most).toBe(8);
  });

  it('tell who goes on with other rights, and nobody whose rights are the same', async () => {
    const [changed, same] = [open('ann', 'k1'), open('bob', 'k2')];
    const before = same.principal;
    await exchanges.recheck(acme, async (request) =>
      keyOf(request) === 'k1' ? { ...by('ann', 'k1'), roles: ['caller'] } : by('bob', 'k2'),
    );
    expect(changed.principal.roles).toEqual(['caller']);
    expect(same.principal).toBe(before);
  });

  it('end nobody of whom nothing could be found out, say so, and judge the others', async () => {
    const [unknown, revoked] = [open('ann', 'k1'), open('bob', 'k2')];
    const asking = exchanges.recheck(acme, async (request) => {
      if (keyOf(request) === 'k1') throw new Error('the database is away');
      return undefined;
    });
    await expect(asking).rejects.toThrow('the database is away');
    expect([unknown.ended, revoked.ended]).toEqual([[], ['COMPOSER_ACCESS_ENDED']]);
  });

  it('end what is over by its own time, or by that of its credential', () => {
    jest.useFakeTimers();
    const clock = new SetClock();
    exchanges = new OpenExchanges(clock);
    exchanges.onModuleInit();
    try {
      const [later, sooner, never] = [open('ann', 'k1'), open('bob', 'k2'), open('eve', 'k3')];
      for (const [one, ms] of [
        [later, 20_000],
        [sooner, 10_000],
      ] as const) {
        one.takeOut();
        exchanges.add(Object.assign(one, { endsAt: clock.time + ms }));
      }
      const pass = (ms: number) => {
        clock.time += ms;
        jest.advanceTimersByTime(1_000);
        return [later, sooner, never].map(({ ended }) => ended.length);
      };
      expect(pass(9_999)).toEqual([0, 0, 0]);
      expect(pass(1)).toEqual([0, 1, 0]);
      expect(pass(3_600_000)).toEqual([1, 1, 0]);
    } finally {
      exchanges.onApplicationShutdown();
      jest.useRealTimers();
    }
  });

  it('keep nothing of what has ended', async () => {
    const all = Array.from({ length: 20 }, (_, i) => open('ann', `k${i}`));
    for (const one of all) one.takeOut();
    expect(exchanges.size).toBe(0);
    expect(await exchanges.recheck(acme, async () => undefined)).toBe(0);
  });
});
