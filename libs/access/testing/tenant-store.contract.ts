import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantId } from '#kernel';
import { DEFAULT_TENANT } from '#tenancy';
import type { TenantStore } from '../src/tenants/tenant.store.js';
import { type AccessStores, eventOf } from './access-stores.js';

/** What every home of tenants must do. */
export function describeTenantStore(name: string, open: () => Promise<AccessStores>): void {
  describe(`${name} as a home of tenants`, () => {
    let stores: AccessStores;
    let tenants: TenantStore;
    beforeAll(async () => {
      stores = await open();
      tenants = stores.tenants;
    });
    afterAll(() => stores?.close());

    const draft = (slug = `s-${randomUUID()}`) => ({ id: tenantId(randomUUID()), slug, name: 'Acme' });

    it('has the default tenant, which works', async () => {
      const found = await tenants.find(DEFAULT_TENANT);
      expect(found).toMatchObject({ slug: 'default', limits: {}, auditMode: 'batched', version: 1 });
      expect(found).not.toHaveProperty('suspendedAt');
      expect(await tenants.findBySlug('default')).toEqual(found);
    });

    it('finds nothing that was not put in', async () => {
      expect(await tenants.find(tenantId(randomUUID()))).toBeUndefined();
      expect(await tenants.findBySlug('nobody')).toBeUndefined();
      expect(await tenants.remove(tenantId(randomUUID()), eventOf('tenant.deleted'))).toBe(false);
    });

    it('gives back what was put in, and lists it in the order of slugs', async () => {
      const made = await tenants.insert(draft(), eventOf('tenant.created'));
      expect(made).toMatchObject({ name: 'Acme', version: 1, createdAt: expect.any(Date) });
      expect(await tenants.find(made.id)).toEqual(made);
      expect(await tenants.findBySlug(made.slug)).toEqual(made);
      const slugs = (await tenants.list()).map(({ slug }) => slug);
      expect(slugs).toEqual(expect.arrayContaining(['default', made.slug]));
      expect([...slugs].sort()).toEqual(slugs);
    });

    it('refuses a second tenant of the same slug', async () => {
      const first = await tenants.insert(draft(), eventOf('tenant.created'));
      const again = tenants.insert(draft(first.slug), eventOf('tenant.created'));
      await expect(again).rejects.toMatchObject({ code: 'COMPOSER_TENANT_EXISTS' });
      expect(await tenants.findBySlug(first.slug)).toEqual(first);
    });

    it('replaces a version by the next one only, and keeps slug and age', async () => {
      const first = await tenants.insert(draft(), eventOf('tenant.created'));
      const second = {
        ...first,
        name: 'Acme Ltd',
        limits: { requestsPerSecond: 5, concurrentCalls: 2 },
        auditMode: 'strict' as const,
        suspendedAt: new Date('2026-01-02T03:04:05.678Z'),
        version: 2,
      };
      expect(await tenants.replace(second, eventOf('tenant.updated'))).toEqual(second);
      expect(await tenants.find(first.id)).toEqual(second);
      for (const version of [2, 4]) {
        const lost = tenants.replace({ ...second, name: 'Lost', version }, eventOf('tenant.updated'));
        await expect(lost).rejects.toMatchObject({ code: 'COMPOSER_CONFLICT' });
      }
      const { suspendedAt: _, ...resumed } = { ...second, version: 3 };
      expect(await tenants.replace(resumed, eventOf('tenant.updated'))).toEqual(resumed);
      const unknown = tenants.replace({ ...second, id: tenantId(randomUUID()) }, eventOf('tenant.updated'));
      await expect(unknown).rejects.toMatchObject({ code: 'COMPOSER_TENANT_UNKNOWN' });
    });

    it('removes a tenant with everything of it, and nothing of another', async () => {
      const { id, slug } = await tenants.insert(draft(), eventOf('tenant.created'));
      for (const tenant of [id, stores.foreign]) {
        const bot = { tenantId: tenant, id: 'bot' as never, kind: 'service' as const, name: 'bot', roles: [] };
        await stores.principals.insert(bot, eventOf('principal.created'));
      }
      expect(await tenants.remove(id, eventOf('tenant.deleted'))).toBe(true);
      expect(await tenants.findBySlug(slug)).toBeUndefined();
      expect(await stores.principals.list(id, { limit: 10 })).toEqual([]);
      expect(await stores.principals.list(stores.foreign, { limit: 10 })).toHaveLength(1);
      expect(await tenants.remove(id, eventOf('tenant.deleted'))).toBe(false);
    });

    it('records changes in the trail of the default tenant, and announces the tenant that has changed', async () => {
      const [before, seen] = [(await stores.actions(DEFAULT_TENANT)).length, stores.announced.length];
      const made = await tenants.insert(draft(), eventOf('tenant.created'));
      await tenants.replace({ ...made, version: 2 }, eventOf('tenant.updated'));
      await tenants.remove(made.id, eventOf('tenant.deleted'));
      const actions = (await stores.actions(DEFAULT_TENANT)).slice(before);
      expect(actions).toEqual(['tenant.created', 'tenant.updated', 'tenant.deleted']);
      expect(stores.announced.slice(seen)).toEqual([made.id, made.id, made.id]);
    });

    it('changes nothing that cannot be recorded', async () => {
      const made = await tenants.insert(draft(), eventOf('tenant.created'));
      const seen = stores.announced.length;
      const other = draft();
      stores.breakTrail(true);
      try {
        await expect(tenants.insert(other, eventOf('tenant.created'))).rejects.toThrow('no audit');
        await expect(tenants.replace({ ...made, version: 2 }, eventOf('x.y'))).rejects.toThrow('no audit');
        await expect(tenants.remove(made.id, eventOf('x.y'))).rejects.toThrow('no audit');
      } finally {
        stores.breakTrail(false);
      }
      expect(await tenants.find(other.id)).toBeUndefined();
      expect(await tenants.find(made.id)).toEqual(made);
      expect(stores.announced.length).toBe(seen);
    });
  });
}
