import { MemoryTenantStore } from '#access/testing';
import type { MemberPool } from '#builder';
import { type TenantId, tenantId } from '#kernel';
import { MemoryChangeFeed } from '#persistence/testing';
import { CLI } from '#tenancy';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { SuspendedTenants } from './suspended-tenants.js';

const EVENT = { action: 'test.prepared', actor: CLI };
const acme = tenantId('acme');

describe('tenants that are served', () => {
  let tenants: MemoryTenantStore;
  let feed: MemoryChangeFeed;
  let wanted: Set<TenantId>;
  beforeEach(async () => {
    [tenants, feed, wanted] = [new MemoryTenantStore(), new MemoryChangeFeed(), new Set([acme])];
    await tenants.insert({ id: acme, slug: 'acme', name: 'Acme' }, EVENT);
    const pool: Pick<MemberPool, 'isWanted' | 'unload'> = {
      isWanted: (id) => wanted.has(id),
      unload: async (id) => void wanted.delete(id),
    };
    new SuspendedTenants(feed, tenants, pool as MemberPool).onModuleInit();
  });
  const tell = (topic = 'access') => feed.tell({ tenantId: acme, topic });

  it('stay so when something else about them changes', async () => {
    await tell();
    expect(wanted).toEqual(new Set([acme]));
  });

  it.each(['suspended', 'deleted'])('let their members go when they are %s', async (how) => {
    const tenant = (await tenants.find(acme))!;
    if (how === 'deleted') await tenants.remove(acme, EVENT);
    else await tenants.replace({ ...tenant, suspendedAt: new Date(), version: tenant.version + 1 }, EVENT);
    await tell('servers');
    expect(wanted.size).toBe(1);
    await tell();
    expect(wanted.size).toBe(0);
  });
});
