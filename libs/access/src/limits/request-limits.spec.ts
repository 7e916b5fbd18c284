import { Clock, tenantId } from '#kernel';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantLimits } from '../tenants/tenant.store.js';
import type { LimitsConfig } from './limits.config.js';
import { RequestLimits } from './request-limits.js';
import { TenantLimitsSource } from './tenant-limits-source.js';

class SetClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

class ToldLimits extends TenantLimitsSource {
  readonly own = new Map<string, TenantLimits>();
  override limitsOf(tenant: string): TenantLimits | undefined {
    return this.own.get(tenant);
  }
}

const config: LimitsConfig = {
  tenant: { perSecond: 10, burst: 10 },
  principal: { perSecond: 10, burst: 6 },
  credential: { perSecond: 10, burst: 3 },
  calls: { concurrent: 1, concurrentPerTenant: 1, waitingPerTenant: 1, maxWaitMs: 1 },
};

const ann = (key: string, id = 'ann', tenant = 'acme') =>
  principalOf(id, { tenantId: tenantId(tenant), credential: { kind: 'api_key', id: key } });

describe('RequestLimits', () => {
  let clock: SetClock;
  let source: ToldLimits;
  let limits: RequestLimits;

  beforeEach(() => {
    clock = new SetClock();
    source = new ToldLimits();
    limits = new RequestLimits(config, source, clock);
  });

  /** How many of ten requests are let through. */
  const admitted = (...by: Parameters<typeof ann>) =>
    Array.from({ length: 10 }, () => limits.refusalOf(ann(...by))).filter((refusal) => !refusal).length;

  it('bound each credential, all of one principal, and all of a tenant', () => {
    expect(admitted('key-1')).toBe(3);
    expect(admitted('key-2')).toBe(3);
    expect(admitted('key-3')).toBe(0); // the principal has used up its six
    expect(admitted('key-4', 'bob')).toBe(3);
    expect(admitted('key-5', 'eve')).toBe(1); // the tenant its ten
  });

  it('leave another tenant alone, also where ids are the same', () => {
    while (!limits.refusalOf(ann('key-1')));
    expect(admitted('key-1', 'ann', 'globex')).toBe(3);
  });

  it('say when to come back, in whole seconds, and take nothing for a request that they refuse', () => {
    admitted('key-1');
    const refusal = limits.refusalOf(ann('key-1'));
    expect(refusal).toMatchObject({ code: 'COMPOSER_RATE_LIMITED', status: 429, retryAfter: 1 });
    for (let i = 0; i < 100; i++) limits.refusalOf(ann('key-1'));
    clock.time += 100;
    expect(admitted('key-1')).toBe(1);
    expect(admitted('key-2')).toBe(3);
  });

  it('round the waiting up', () => {
    limits = new RequestLimits({ ...config, credential: { perSecond: 0.4, burst: 1 } }, source, clock);
    limits.refusalOf(ann('key-1'));
    expect(limits.refusalOf(ann('key-1'))?.retryAfter).toBe(3);
  });

  it('take the tenant’s own limits where it has some', () => {
    source.own.set(tenantId('acme'), { burst: 2 });
    expect(admitted('key-1')).toBe(2);
    source.own.set(tenantId('globex'), { requestsPerSecond: 1, burst: 100 });
    expect(admitted('key-1', 'ann', 'globex')).toBe(3);
  });

  it('are not for the developer who runs the composer without authentication', () => {
    const local = principalOf('local', { credential: { kind: 'none', id: 'local' } });
    for (let i = 0; i < 1000; i++) expect(limits.refusalOf(local)).toBeUndefined();
  });
});
