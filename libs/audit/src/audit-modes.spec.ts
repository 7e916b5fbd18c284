import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Clock, type TenantId } from '#kernel';
import type { Change, ChangeFeed } from '#persistence';
import { until } from '#persistence/testing';
import { type OpenTrail, describeOnEveryTrail } from '../testing/every-trail.js';
import { AuditModes } from './audit-modes.js';

class MovedClock extends Clock {
  at = 1_000_000;
  override now(): number {
    return this.at;
  }
}

describeOnEveryTrail('AuditModes', (open) => {
  let opened: OpenTrail;
  let modes: AuditModes;
  let clock: MovedClock;
  let tenant: TenantId;
  let tell: (change: Change) => void;

  beforeAll(async () => void (opened = await open()));
  afterAll(() => opened.close());
  beforeEach(async () => {
    tenant = await opened.createTenant();
    clock = new MovedClock();
    const feed = { onChange: (listener: typeof tell) => ((tell = listener), () => undefined) };
    modes = new AuditModes(opened.tenants, feed as unknown as ChangeFeed, clock);
    modes.onModuleInit();
  });

  const set = (mode: 'batched' | 'strict') => opened.setMode(tenant, mode);

  it('says at once what it has found out, and anew when it is told of a change', async () => {
    expect(await modes.modeOf(tenant)).toBe('batched');
    expect(modes.modeOf(tenant)).toBe('batched');
    await set('strict');
    tell({ tenantId: tenant, topic: 'servers' });
    expect(modes.modeOf(tenant)).toBe('batched');
    tell({ tenantId: tenant, topic: 'access' });
    expect(await modes.modeOf(tenant)).toBe('strict');
    expect(modes.modeOf(tenant)).toBe('strict');
  });

  it('does not keep what was read before a change was told', async () => {
    const reading = modes.modeOf(tenant);
    tell({ tenantId: tenant, topic: 'access' });
    await reading;
    expect(modes.modeOf(tenant)).toBeInstanceOf(Promise);
  });

  it('finds out anew after a minute, also when nobody tells, and does not make anybody wait for it', async () => {
    await modes.modeOf(tenant);
    await set('strict');
    clock.at += 60_000;
    expect(modes.modeOf(tenant)).toBe('batched');
    await until(() => modes.modeOf(tenant) === 'strict', 'the new mode');
  });

  it('goes on for five minutes with what it knows while the database is away, and no longer', async () => {
    await modes.modeOf(tenant);
    opened.tenants.modeOf = async () => Promise.reject(new Error('away'));
    clock.at += 5 * 60_000 - 1;
    expect(modes.modeOf(tenant)).toBe('batched');
    clock.at += 1;
    await expect(modes.modeOf(tenant)).rejects.toThrow('away');
  });
});
