import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TenantId, tenantId } from '#kernel';
import { MAX_ROLES, type RoleDraft, type RoleStore } from '../src/roles/role.store.js';
import { type AccessStores, eventOf } from './access-stores.js';

/** What every home of roles must do. */
export function describeRoleStore(name: string, open: () => Promise<AccessStores>): void {
  describe(`${name} as a home of roles`, () => {
    let stores: AccessStores;
    let roles: RoleStore;
    let own: TenantId;
    let foreign: TenantId;
    beforeAll(async () => {
      stores = await open();
      ({ roles, own, foreign } = stores);
    });
    afterAll(() => stores?.close());

    const draft = (more: Partial<RoleDraft> = {}): RoleDraft => ({
      tenantId: own,
      name: `r-${randomUUID()}`,
      description: 'Sales',
      permissions: { tools: ['crm_*'], servers: ['shop'], virtualServers: ['sales'] },
      version: 1,
      ...more,
    });
    const put = (more: Partial<RoleDraft> = {}) => roles.write(draft(more), eventOf('role.created'));

    it('gives back what was put in, and lists it in the order of names', async () => {
      const made = await put();
      expect(made).toEqual({ ...draft({ name: made.name }), createdAt: expect.any(Date) });
      expect(await roles.find(own, made.name)).toEqual(made);
      await put({ name: 'Zulu' });
      const names = (await roles.list(own)).map(({ name: role }) => role);
      expect(names).toEqual(expect.arrayContaining([made.name, 'Zulu']));
      expect([...names].sort()).toEqual(names);
      expect(await roles.find(own, 'nobody')).toBeUndefined();
    });

    it('replaces a version by the next one only', async () => {
      const first = await put();
      const next = { ...first, description: 'Support', permissions: { tools: [], servers: [], virtualServers: [] } };
      expect(await roles.write({ ...next, version: 2 }, eventOf('role.updated'))).toEqual({ ...next, version: 2 });
      for (const version of [1, 2, 4]) {
        const lost = roles.write({ ...next, version }, eventOf('role.updated'));
        await expect(lost).rejects.toMatchObject({ code: 'COMPOSER_CONFLICT' });
      }
      await expect(roles.write(draft({ version: 2 }), eventOf('role.updated'))).rejects.toMatchObject({
        code: 'COMPOSER_CONFLICT',
      });
    });

    it('shows another tenant nothing, and lets it change and remove nothing', async () => {
      const made = await put();
      expect(await roles.find(foreign, made.name)).toBeUndefined();
      expect((await roles.list(foreign)).map(({ name: role }) => role)).not.toContain(made.name);
      expect(await roles.remove(foreign, made.name, eventOf('x.y'))).toBe(false);
      const theirs = { ...made, tenantId: foreign, version: 2 };
      await expect(roles.write(theirs, eventOf('x.y'))).rejects.toMatchObject({ code: 'COMPOSER_CONFLICT' });
      await put({ tenantId: foreign, name: made.name, description: 'Theirs' });
      expect(await roles.find(own, made.name)).toEqual(made);
      await roles.remove(foreign, made.name, eventOf('x.y'));
      expect(await roles.find(own, made.name)).toEqual(made);
    });

    it('refuses a role of a tenant that does not exist', async () => {
      await expect(put({ tenantId: tenantId(randomUUID()) })).rejects.toMatchObject({
        code: 'COMPOSER_TENANT_UNKNOWN',
      });
    });

    it('records and announces every change, and nothing else', async () => {
      const [before, seen] = [(await stores.actions(own)).length, stores.announced.length];
      const made = await put();
      await roles.write({ ...made, version: 2 }, eventOf('role.updated'));
      expect(await roles.remove(own, made.name, eventOf('role.deleted'))).toBe(true);
      expect(await roles.remove(own, made.name, eventOf('role.deleted'))).toBe(false);
      expect((await stores.actions(own)).slice(before)).toEqual(['role.created', 'role.updated', 'role.deleted']);
      expect(stores.announced.slice(seen)).toEqual([own, own, own]);
    });

    it('changes nothing that cannot be recorded', async () => {
      const made = await put();
      const other = draft();
      stores.breakTrail(true);
      try {
        await expect(roles.write(other, eventOf('x.y'))).rejects.toThrow('no audit');
        await expect(roles.write({ ...made, version: 2 }, eventOf('x.y'))).rejects.toThrow('no audit');
        await expect(roles.remove(own, made.name, eventOf('x.y'))).rejects.toThrow('no audit');
      } finally {
        stores.breakTrail(false);
      }
      expect(await roles.find(own, other.name)).toBeUndefined();
      expect(await roles.find(own, made.name)).toEqual(made);
    });

    it('holds so many roles and no more', async () => {
      const { name: of } = await put();
      const missing = MAX_ROLES - (await roles.list(own)).length;
      if (stores.copy) await stores.copy(own, 'role', { of, count: missing });
      else for (let n = 0; n < missing; n++) await put();
      await expect(put()).rejects.toMatchObject({ code: 'COMPOSER_ROLE_LIMIT' });
      const [role] = await roles.list(own);
      await roles.write({ ...role!, version: role!.version + 1 }, eventOf('role.updated'));
      await put({ tenantId: foreign });
    }, 60_000);
  });
}
