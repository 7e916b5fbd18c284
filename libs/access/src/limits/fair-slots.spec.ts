import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { FairSlots, type Slot, type Turn } from './fair-slots.js';

const BOUNDS = { total: 4, waitingPerTenant: 10, maxWaitMs: 2000 };

/** One that asked for a slot, and what became of it. */
class Call {
  state: 'working' | 'waiting' | 'refused' | 'gone' = 'waiting';
  slot: Slot | undefined;
  turn: Turn | undefined;

  constructor(slots: FairSlots, tenant: string, { bound = 3, order = [] as string[] } = {}) {
    const begin = (slot: Slot) => {
      this.slot = slot;
      this.state = 'working';
      order.push(tenant);
    };
    const place = slots.enter(tenant, bound);
    if ('leave' in place) begin(place);
    else {
      this.turn = place;
      place.slot.then(begin, () => (this.state = 'refused'));
    }
  }

  leave(): void {
    this.state = 'gone';
    this.slot?.leave();
  }
}

describe('FairSlots', () => {
  let slots: FairSlots;
  let order: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    slots = new FairSlots(BOUNDS);
    order = [];
  });
  afterEach(() => void jest.useRealTimers());

  const settle = () => jest.advanceTimersByTimeAsync(0);
  const enter = (tenant: string, bound = 3) => new Call(slots, tenant, { bound, order });

  it('are had at once, without a promise, while there are some', () => {
    expect(Array.from({ length: 3 }, () => enter('a').state)).toEqual(['working', 'working', 'working']);
    expect(enter('b').state).toBe('working');
    expect(slots.inUse).toBe(4);
  });

  it('are not all for one tenant', async () => {
    const calls = Array.from({ length: 5 }, () => enter('a'));
    await settle();
    expect(calls.map(({ state }) => state)).toEqual(['working', 'working', 'working', 'waiting', 'waiting']);
    expect(enter('b').state).toBe('working');
  });

  it('go to the tenants in turn, whoever floods, and to the calls of one in the order of their arrival', async () => {
    const working = ['x', 'x', 'y', 'y'].map((tenant) => enter(tenant));
    const flood = Array.from({ length: 8 }, () => enter('a', 8));
    const [b, c] = [enter('b'), enter('c')];
    const late = enter('b');
    order.length = 0;
    for (const call of working) {
      call.leave();
      await settle();
    }
    // b and c came after eight calls of a, and wait for one of them each.
    expect(order).toEqual(['a', 'b', 'c', 'a']);
    expect([b, c, late].map(({ state }) => state)).toEqual(['working', 'working', 'waiting']);
    expect(flood.map(({ state }) => state).slice(0, 3)).toEqual(['working', 'working', 'waiting']);
    flood[0]!.leave();
    await settle();
    expect(late.state).toBe('working');
  });

  it('pass over a tenant that has all that it may have, and come back to it', async () => {
    const own = Array.from({ length: 3 }, () => enter('a'));
    const more = [enter('a'), enter('a')];
    const other = enter('b');
    const third = enter('c');
    other.leave();
    await settle();
    expect([third.state, more[0]!.state]).toEqual(['working', 'waiting']);
    own[1]!.leave();
    await settle();
    expect(more.map(({ state }) => state)).toEqual(['working', 'waiting']);
  });

  it('refuse a tenant whose queue is full, with a time to come back', async () => {
    for (let i = 0; i < 13; i++) enter('a');
    expect(() => enter('a')).toThrow(
      expect.objectContaining({ code: 'COMPOSER_RATE_LIMITED', status: 429, retryAfter: 2 }),
    );
    expect(enter('b').state).toBe('working');
    await jest.advanceTimersByTimeAsync(2000);
  });

  it('let nobody wait longer than the bound', async () => {
    const [first, ...rest] = Array.from({ length: 5 }, () => enter('a'));
    await jest.advanceTimersByTimeAsync(1999);
    expect(rest[3]!.state).toBe('waiting');
    await jest.advanceTimersByTimeAsync(1);
    expect(rest[3]!.state).toBe('refused');
    first!.leave();
    await settle();
    expect(slots.inUse).toBe(2);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('go to nobody who has given up', async () => {
    const working = Array.from({ length: 3 }, () => enter('a'));
    const [gone, next] = [enter('a'), enter('a')];
    gone.turn!.giveUp();
    working[0]!.leave();
    await settle();
    expect([gone.state, next.state]).toEqual(['refused', 'working']);
    gone.turn!.giveUp();
    next.turn!.giveUp();
    await settle();
    expect(slots.inUse).toBe(3);
  });

  it('take a place back once', () => {
    const [a, b] = [enter('a'), enter('b')];
    a.leave();
    a.slot!.leave();
    a.slot!.leave();
    expect(slots.inUse).toBe(1);
    b.leave();
    expect(slots.isIdle).toBe(true);
  });

  it('let in who waits when the tenant’s bound is raised', async () => {
    enter('a', 1);
    const waiting = enter('a', 1);
    expect(waiting.state).toBe('waiting');
    const latest = enter('a', 3);
    await settle();
    expect([waiting.state, latest.state]).toEqual(['working', 'working']);
  });

  it('lose none, exceed no bound, and leave none idle that somebody waits for, whatever happens', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('enter' as const), tenant: fc.constantFrom('a', 'b', 'c'), of: fc.nat(50) }),
      fc.record({ do: fc.constantFrom('leave' as const, 'giveUp' as const), tenant: fc.constant(''), of: fc.nat(50) }),
      fc.record({ do: fc.constant('wait' as const), tenant: fc.constant(''), of: fc.integer({ min: 1, max: 2500 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        slots = new FairSlots({ total: 4, waitingPerTenant: 3, maxWaitMs: 2000 });
        const calls: { readonly tenant: string; readonly call: Call }[] = [];
        const inState = (state: Call['state'], tenant?: string) =>
          calls.filter((one) => one.call.state === state && (tenant === undefined || one.tenant === tenant));
        for (const { do: what, tenant, of } of steps) {
          if (what === 'enter') {
            try {
              calls.push({ tenant, call: enter(tenant, 2) });
            } catch {
              expect(inState('waiting', tenant)).toHaveLength(3);
            }
          }
          const working = inState('working');
          if (what === 'leave') working[of % (working.length || 1)]?.call.leave();
          const waiting = inState('waiting');
          if (what === 'giveUp') waiting[of % (waiting.length || 1)]?.call.turn!.giveUp();
          await jest.advanceTimersByTimeAsync(what === 'wait' ? of : 0);

          expect(slots.inUse).toBe(inState('working').length);
          expect(slots.inUse).toBeLessThanOrEqual(4);
          for (const one of ['a', 'b', 'c']) {
            const own = inState('working', one).length;
            expect(own).toBeLessThanOrEqual(2);
            if (inState('waiting', one).length > 0) expect(own === 2 || slots.inUse === 4).toBe(true);
          }
        }
        for (const { call } of inState('waiting')) call.turn!.giveUp();
        for (const { call } of inState('working')) call.leave();
        await settle();
        for (const { call } of inState('working')) call.leave();
        expect(slots.isIdle).toBe(true);
        expect(jest.getTimerCount()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
