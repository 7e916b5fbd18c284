import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import fc from 'fast-check';
import type { Change, CredentialRecord, Look } from './credential-record.js';
import {
  type Claimed,
  type ClaimWish,
  LEASE_MS,
  accepting,
  claiming,
  failing,
  keeping,
  putting,
} from './credential-rules.js';
import { aheadMs, backoffMs, lifetimeOf } from './renewal-limits.js';
import { type TokenKey, credentialId } from './token-key.js';

const key: TokenKey = {
  tenantId: tenantId('acme'),
  serverId: serverId('crm'),
  kind: 'token',
  issuer: 'https://issuer.example',
  fingerprint: 'f',
};

/** One process in the middle of a renewal. */
interface Renewing {
  readonly claimed: Claimed;
  /** What it has asked with, once it has, and what it got. */
  asked?: string;
  answer?: { readonly token: string } | 'invalid_grant';
}

const PROCESSES = 3;
const STEPS = ['look', 'claim', 'ask', 'end', 'fail', 'kill', 'wait', 'expire', 'put', 'note'] as const;
type Step = readonly [(typeof STEPS)[number], number];

/**
 * Three processes, one credential and a strict issuer, one step after the other in any order. What the processes do is
 * what the keeper does; where they may be interrupted, they are.
 */
class World {
  now = 1_000_000;
  record: CredentialRecord | undefined;
  readonly renewing: (Renewing | undefined)[] = Array<undefined>(PROCESSES).fill(undefined);
  /** What each of them has seen, and wants because of that. */
  private readonly wishes = new Map<number, ClaimWish>();
  readonly gone = new Set<number>();
  /** The issuer was to be left alone, or a person to be asked, when somebody got the right to ask it. */
  isHasty = false;
  /** How often the issuer was asked with each token. */
  mostAsked = 0;
  private readonly asked = new Map<string, number>();
  /** The stamps from which a successor was stored. */
  readonly successors = new Map<string, string>();
  /** Of every token that was ever given, the grant that it belongs to. */
  private readonly grants = new Map<string, { current: string; isRevoked: boolean }>();
  private count = 0;

  /** @param isLenient the issuer takes a token that it has replaced once more, and answers with what is good now */
  constructor(private readonly isLenient = false) {
    this.put();
  }

  step([what, process]: Step): void {
    const renewing = this.renewing[process];
    switch (what) {
      case 'look':
        if (!renewing) this.look(process);
        return;
      case 'claim':
        if (!renewing) this.claim(process);
        return;
      case 'ask':
        if (renewing && renewing.asked === undefined) this.ask(renewing);
        return;
      case 'end':
        if (renewing?.answer) this.end(process, renewing, renewing.answer);
        return;
      case 'fail':
        if (renewing && renewing.asked === undefined) this.fail(process, renewing);
        return;
      case 'kill':
        if (renewing) this.gone.add(renewing.claimed.claim.owner!);
        this.renewing[process] = undefined;
        return;
      case 'wait':
        this.now += 1_000;
        return;
      case 'expire':
        this.now += LEASE_MS;
        return;
      case 'put':
        this.put();
        return;
      case 'note':
        this.change((look) => accepting(look, this.record?.generation ?? 0));
    }
  }

  private change<T>(decide: (look: Look) => Change<T>): T {
    const owner = this.record?.claim?.owner;
    const isOwnerGone = owner !== undefined && this.gone.has(owner);
    const { record, now } = this;
    const { result, record: next } = decide(record ? { record, now, isOwnerGone } : { record: undefined, now });
    if (next) this.record = next;
    return result;
  }

  private mustWait(): boolean {
    return this.record?.state === 'reauth_required' || (this.record?.nextTryAt ?? 0) > this.now;
  }

  private look(process: number): void {
    const { record } = this;
    this.wishes.delete(process);
    if (this.mustWait()) return;
    this.wishes.set(process, {
      key,
      id: `claim-${++this.count}`,
      owner: this.count,
      ...(record ? { stamp: record.stamp } : {}),
      ...(record?.claim ? { of: record.claim.id } : {}),
      isForced: false,
      wasAccepted: false,
    });
  }

  private claim(process: number): void {
    const wish = this.wishes.get(process);
    this.wishes.delete(process);
    if (!wish) return;
    const mustWait = this.mustWait();
    const outcome = this.change((look) => claiming(look, wish));
    if (outcome === 'missed' || 'heldForMs' in outcome) return;
    this.isHasty ||= mustWait;
    this.renewing[process] = { claimed: outcome };
  }

  private ask(renewing: Renewing): void {
    const { claim, record } = renewing.claimed;
    // With little of the lease left nothing is sent.
    if (claim.leaseUntil - this.now < LEASE_MS / 2) return;
    const used = record.sealed!;
    renewing.asked = used;
    const asked = (this.asked.get(used) ?? 0) + 1;
    this.asked.set(used, asked);
    this.mostAsked = Math.max(this.mostAsked, asked);
    const grant = this.grants.get(used)!;
    if (used === grant.current && !grant.isRevoked) {
      renewing.answer = { token: this.issue(grant) };
    } else if (this.isLenient) {
      renewing.answer = { token: grant.current };
    } else {
      grant.isRevoked = true;
      renewing.answer = 'invalid_grant';
    }
  }

  private issue(grant: { current: string; isRevoked: boolean }): string {
    grant.current = `token-${++this.count}`;
    this.grants.set(grant.current, grant);
    return grant.current;
  }

  private end(process: number, { claimed }: Renewing, answer: NonNullable<Renewing['answer']>): void {
    this.renewing[process] = undefined;
    if (answer === 'invalid_grant') {
      this.change((look) => failing(look, claimed, { kind: 'grant', code: 'invalid_grant' }));
      return;
    }
    const { id } = claimed.claim;
    const { stamp } = claimed.record;
    const outcome = this.change((look) => keeping(look, { id, stamp, sealed: answer.token, ageMs: 0 }));
    if (outcome !== 'stored') return;
    if (this.successors.has(stamp)) throw new Error('a generation has two successors');
    this.successors.set(stamp, id);
  }

  private fail(process: number, { claimed }: Renewing): void {
    this.renewing[process] = undefined;
    this.change((look) => failing(look, claimed, { kind: 'issuer', code: 'timeout' }));
  }

  private put(): void {
    const generation = (this.record?.generation ?? 0) + 1;
    const sealed = this.issue({ current: '', isRevoked: false });
    const event = { action: 'credential.connected', actor: SYSTEM };
    const given = { key, id: `put-${this.count}`, sealed, generation, event };
    this.change((look) => putting(look, given));
  }

  /** What the process that asks next would find out. */
  isLost(): boolean {
    const grant = this.grants.get(this.record?.sealed ?? '');
    return grant === undefined || grant.isRevoked || grant.current !== this.record?.sealed;
  }

  isBusy(): boolean {
    return this.renewing.some((renewing) => renewing !== undefined);
  }
}

/** `expect` takes too long for hundreds of thousands of steps. */
function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

const anyStep = (steps: readonly Step[0][]): fc.Arbitrary<Step> =>
  fc.tuple(fc.constantFrom(...steps), fc.integer({ min: 0, max: PROCESSES - 1 }));
const after = (steps: readonly Step[], check: (world: World) => void, world = new World()): void => {
  for (const step of steps) {
    world.step(step);
    check(world);
  }
};
const RUNS = 20_000;

describe('the renewal of one credential by several processes', () => {
  it('asks the issuer once for each generation and loses no grant while no process dies', () => {
    const steps = anyStep(['look', 'claim', 'ask', 'end', 'fail', 'wait', 'put', 'note']);
    // Nobody waits for half of a lease between two steps of his own.
    const schedule = fc
      .array(steps, { maxLength: 60, size: 'max' })
      .filter((all) => all.filter(([what]) => what === 'wait').length < 15);
    const property = fc.property(schedule, (all) =>
      after(all, (world) => {
        must(world.mostAsked <= 1, 'a generation was asked for twice');
        must(!world.isHasty, 'the issuer was to be left alone');
        must(world.record?.state === 'live', 'a grant was given up');
        must(world.isBusy() || !world.isLost(), 'a grant was lost');
      }),
    );
    fc.assert(property, { numRuns: RUNS });
  });

  it('never gives a generation two successors, whoever dies or sleeps, and declares none dead that lives', () => {
    const schedule = fc.array(anyStep(STEPS), { minLength: 10, maxLength: 60, size: 'max' });
    const property = fc.property(schedule, (all) =>
      after(all, (world) => {
        must(world.record?.state === 'live' || world.isLost(), 'a grant that lives was given up');
        must(!world.isHasty, 'the issuer was to be left alone');
      }),
    );
    fc.assert(property, { numRuns: RUNS });
  });

  it('loses nothing where the issuer is lenient, and stores no answer over a newer one', () => {
    const schedule = fc.array(anyStep(STEPS), { minLength: 10, maxLength: 60, size: 'max' });
    const property = fc.property(schedule, (all) =>
      after(all, (world) => must(world.record?.state === 'live', 'a grant was given up'), new World(true)),
    );
    fc.assert(property, { numRuns: RUNS });
  });

  it('leaves a claim to the process that has it, until its lease is over or it has died', () => {
    const schedule = fc.array(anyStep(STEPS), { minLength: 10, maxLength: 60, size: 'max' });
    const property = fc.property(schedule, (all) =>
      after(all, ({ record, now, renewing }) => {
        for (const one of renewing) {
          if (!one || one.claimed.claim.leaseUntil <= now || one.claimed.record.stamp !== record?.stamp) continue;
          must(record.claim?.id === one.claimed.claim.id, 'a claim was lost');
          const wish = { key, id: 'rival', stamp: record.stamp, isForced: false, wasAccepted: false };
          must(claiming({ record, now, isOwnerGone: false }, wish).result === 'missed', 'a claim was taken');
        }
      }),
    );
    fc.assert(property, { numRuns: RUNS / 4 });
  });
});

describe('the right to renew', () => {
  const now = 1_000_000;
  const record: CredentialRecord = {
    ...{ key, state: 'live', generation: 1, stamp: 's', sealed: 'sealed', acceptedGeneration: 0, forcedAt: [] },
    ...{ attempts: 0, updatedAt: now },
  };
  const sight = (more: Partial<CredentialRecord> = {}) => ({ record: { ...record, ...more }, now, isOwnerGone: false });
  const wish = { key, id: 'own', stamp: 's', isForced: false, wasAccepted: false };

  it('is still there for who has got it already, whatever was changed since', () => {
    const first = claiming(sight(), wish);
    const { claim } = first.record!;
    const again = claiming(sight({ claim: claim!, acceptedGeneration: 1 }), wish);
    expect(again).toEqual({ result: { claim, record: { ...record, acceptedGeneration: 1 }, isTakeover: false } });
    const begun = claiming({ record: undefined, now }, { ...wish, stamp: undefined as never }).record!;
    expect(claiming(sight(begun), { ...wish, stamp: undefined as never }).result).toMatchObject({ claim: begun.claim });
  });

  it('tells an issuer that is away from a client that it does not take', () => {
    const claimed = claiming(sight({ state: 'config_error', lastError: 'invalid_client' }), wish);
    const failure = { kind: 'issuer', code: 'http_503' } as const;
    const { record: next } = failing(sight(claimed.record), claimed.result as Claimed, failure);
    expect(next).toMatchObject({ state: 'live', lastError: 'http_503' });
  });
});

describe('the pause after failures', () => {
  it('is random between a second and a bound that doubles up to five minutes', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (n, random) => {
        const ms = backoffMs(n, random);
        expect(ms).toBeGreaterThanOrEqual(1_000);
        expect(ms).toBeLessThanOrEqual(Math.min(300_000, 1_000 * 2 ** n));
      },
    );
    fc.assert(property);
    expect(backoffMs(20, 1)).toBe(300_000);
  });

  it('is as long as the issuer wishes, up to an hour', () => {
    expect(backoffMs(1, 0, 90_000)).toBe(90_000);
    expect(backoffMs(1, 0, 1e12)).toBe(3_600_000);
  });
});

describe('the time before the end at which a credential is renewed', () => {
  const ids = Array.from({ length: 1_000 }, (_, n) => credentialId({ ...key, fingerprint: `f${n}` }));
  const ahead = (seconds: number) => ids.map((id) => aheadMs(seconds * 1_000, id) / 1_000);

  it('is a tenth of its life within one and five minutes, and up to a twentieth more', () => {
    for (const [life, margin] of [
      [1_200, 120],
      [600, 60],
      [7_200, 300],
      [86_400, 300],
    ] as const) {
      const all = ahead(life);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(margin);
      expect(Math.max(...all)).toBeLessThanOrEqual(margin + life * 0.05);
    }
  });

  it('is half of a short life', () => {
    expect(new Set(ahead(5))).toEqual(new Set([2.5]));
    expect(Math.max(...ahead(100))).toBeLessThanOrEqual(50);
  });

  it('is spread over many credentials, and always the same for one', () => {
    const all = ahead(3_600).sort((a, b) => a - b);
    expect(ahead(3_600).sort((a, b) => a - b)).toEqual(all);
    const perSecond = new Map<number, number>();
    for (const seconds of all)
      perSecond.set(Math.floor(seconds / 18), (perSecond.get(Math.floor(seconds / 18)) ?? 0) + 1);
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(2 * (1_000 / 10));
  });
});

describe('how long a credential lives', () => {
  const lifetime = (expiresInSeconds?: number) =>
    lifetimeOf({ accessToken: 'a', ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) });

  it('is what the issuer says, and not known where it says nothing or nonsense', () => {
    expect(lifetime(0.5)).toBe(500);
    expect(lifetime(3_600)).toBe(3_600_000);
    for (const nothing of [undefined, 0, -1, NaN]) expect(lifetime(nothing)).toBeUndefined();
  });

  it('is a time that every store can keep', () => {
    for (const huge of [1e10, Number.MAX_SAFE_INTEGER, 1e300, Infinity]) expect(lifetime(huge)).toBe(315_360_000_000);
  });
});
