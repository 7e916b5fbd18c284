import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TenantId, principalId, tenantId } from '#kernel';
import type { PrincipalDraft, PrincipalStore } from '../src/principals/principal.store.js';
import { type AccessStores, eventOf } from './access-stores.js';

/** What every home of principals must do. */
export function describePrincipalStore(name: string, open: () => Promise<AccessStores>): void {
  describe(`${name} as a home of principals`, () => {
    let stores: AccessStores;
    let principals: PrincipalStore;
    let own: TenantId;
    let foreign: TenantId;
    beforeAll(async () => {
      stores = await open();
      ({ principals, own, foreign } = stores);
    });
    afterAll(() => stores?.close());

    const draft = (more: Partial<PrincipalDraft> = {}): PrincipalDraft => ({
      tenantId: own,
      id: principalId(`p-${randomUUID()}`),
      kind: 'user',
      name: 'ada@example.com',
      roles: ['developer', 'sales'],
      ...more,
    });
    const someone = () => ({ issuer: 'https://idp.example', subject: randomUUID() });
    const put = (more: Partial<PrincipalDraft> = {}) => principals.insert(draft(more), eventOf('principal.created'));

    it('gives back what was put in, by id and by identity', async () => {
      const identity = someone();
      const made = await put({ identity });
      expect(made).toEqual({ ...draft({ id: made.id, identity }), version: 1, createdAt: expect.any(Date) });
      expect(await principals.find(own, made.id)).toEqual(made);
      expect(await principals.findByIdentity(own, identity)).toEqual(made);
      expect(await principals.findByIdentity(own, { ...identity, issuer: 'https://other.example' })).toBeUndefined();
      expect(await principals.find(own, principalId('nobody'))).toBeUndefined();
    });

    it('tells whether an operator comes from an issuer', async () => {
      const issuer = `https://${randomUUID()}.example`;
      const identity = { issuer, subject: 'ada' };
      await put({ identity: { ...identity, subject: 'bob' } });
      await put({ roles: ['operator'] });
      await put({ roles: ['operator'], identity: someone() });
      expect(await principals.hasOperatorOf(own, issuer)).toBe(false);
      await put({ roles: ['caller', 'operator'], identity });
      expect(await principals.hasOperatorOf(own, issuer)).toBe(true);
      expect(await principals.hasOperatorOf(foreign, issuer)).toBe(false);
    });

    it('lists in the order of ids, page by page', async () => {
      const made = [await put(), await put(), await put()];
      const all = (await principals.list(own, { limit: 100 })).map(({ id }) => id);
      expect(all).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
      expect([...all].sort()).toEqual(all);
      const first = await principals.list(own, { limit: 2 });
      const second = await principals.list(own, { limit: 1, after: first[1]!.id });
      expect([...first, ...second].map(({ id }) => id)).toEqual(all.slice(0, 3));
    });

    it('lets the first one of many with an identity stay, and gives it to all', async () => {
      const identity = someone();
      const before = (await stores.actions(own)).length;
      const made = await Promise.all(Array.from({ length: 5 }, () => put({ identity })));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      expect((await stores.actions(own)).slice(before)).toEqual(['principal.created']);
      const again = await put({ id: made[0]!.id, roles: ['admin'] });
      expect(again).toEqual(made[0]);
    });

    it('replaces a version by the next one only', async () => {
      const first = await put({ identity: someone() });
      const second = {
        ...first,
        name: 'Ada',
        roles: [],
        disabledAt: new Date('2026-01-02T03:04:05.678Z'),
        validAfter: new Date('2026-01-02T03:04:06.789Z'),
        version: 2,
      };
      expect(await principals.replace(second, eventOf('principal.updated'))).toEqual(second);
      expect(await principals.find(own, first.id)).toEqual(second);
      for (const version of [2, 4]) {
        const lost = principals.replace({ ...second, name: 'Lost', version }, eventOf('principal.updated'));
        await expect(lost).rejects.toMatchObject({ code: 'COMPOSER_CONFLICT' });
      }
      const { disabledAt: _, ...enabled } = { ...second, version: 3 };
      expect(await principals.replace(enabled, eventOf('principal.updated'))).toEqual(enabled);
      const unknown = principals.replace({ ...second, id: principalId('nobody') }, eventOf('principal.updated'));
      await expect(unknown).rejects.toMatchObject({ code: 'COMPOSER_PRINCIPAL_UNKNOWN' });
    });

    it('removes a principal, once', async () => {
      const { id } = await put();
      expect(await principals.remove(own, id, eventOf('principal.deleted'))).toBe(true);
      expect(await principals.find(own, id)).toBeUndefined();
      expect(await principals.remove(own, id, eventOf('principal.deleted'))).toBe(false);
    });

    it('shows another tenant nothing, and lets it change and remove nothing', async () => {
      const made = await put({ identity: someone() });
      expect(await principals.find(foreign, made.id)).toBeUndefined();
      expect(await principals.findByIdentity(foreign, made.identity!)).toBeUndefined();
      expect((await principals.list(foreign, { limit: 100 })).map(({ id }) => id)).not.toContain(made.id);
      const theirs = { ...made, tenantId: foreign, name: 'Mine', version: 2 };
      await expect(principals.replace(theirs, eventOf('x.y'))).rejects.toMatchObject({
        code: 'COMPOSER_PRINCIPAL_UNKNOWN',
      });
      expect(await principals.remove(foreign, made.id, eventOf('x.y'))).toBe(false);
      expect(await principals.find(own, made.id)).toEqual(made);
      const namesake = await put({ tenantId: foreign, id: made.id, name: 'Namesake', identity: made.identity! });
      expect(namesake.name).toBe('Namesake');
      await principals.remove(foreign, namesake.id, eventOf('x.y'));
      expect(await principals.find(own, made.id)).toEqual(made);
    });

    it('refuses a principal of a tenant that does not exist', async () => {
      await expect(put({ tenantId: tenantId(randomUUID()) })).rejects.toMatchObject({
        code: 'COMPOSER_TENANT_UNKNOWN',
      });
    });

    it('records and announces every change, and nothing else', async () => {
      const [before, seen] = [(await stores.actions(own)).length, stores.announced.length];
      const made = await put();
      await principals.replace({ ...made, version: 2 }, eventOf('principal.updated'));
      await principals.remove(own, made.id, eventOf('principal.deleted'));
      await principals.remove(own, made.id, eventOf('principal.deleted'));
      const actions = (await stores.actions(own)).slice(before);
      expect(actions).toEqual(['principal.created', 'principal.updated', 'principal.deleted']);
      expect(stores.announced.slice(seen)).toEqual([own, own, own]);
    });

    it('changes nothing that cannot be recorded', async () => {
      const made = await put();
      const other = draft();
      const seen = stores.announced.length;
      stores.breakTrail(true);
      try {
        await expect(principals.insert(other, eventOf('x.y'))).rejects.toThrow('no audit');
        await expect(principals.replace({ ...made, version: 2 }, eventOf('x.y'))).rejects.toThrow('no audit');
        await expect(principals.remove(own, made.id, eventOf('x.y'))).rejects.toThrow('no audit');
      } finally {
        stores.breakTrail(false);
      }
      expect(await principals.find(own, other.id)).toBeUndefined();
      expect(await principals.find(own, made.id)).toEqual(made);
      expect(stores.announced.length).toBe(seen);
    });
  });
}
