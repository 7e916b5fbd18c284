import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type PrincipalId, type TenantId, principalId } from '#kernel';
import { type ApiKeyDraft, type ApiKeyStore, MAX_KEYS } from '../src/keys/api-key.store.js';
import { type AccessStores, eventOf } from './access-stores.js';

/** What every home of API keys must do. */
export function describeApiKeyStore(name: string, open: () => Promise<AccessStores>): void {
  describe(`${name} as a home of API keys`, () => {
    let stores: AccessStores;
    let keys: ApiKeyStore;
    let own: TenantId;
    let foreign: TenantId;
    const bot = principalId('bot');
    beforeAll(async () => {
      stores = await open();
      ({ keys, own, foreign } = stores);
      for (const tenant of [own, foreign]) await addBot(tenant, bot);
    });
    afterAll(() => stores?.close());

    const addBot = (tenant: TenantId, id: PrincipalId) =>
      stores.principals.insert(
        { tenantId: tenant, id, kind: 'service', name: id, roles: ['caller'] },
        eventOf('principal.created'),
      );
    const draft = (more: Partial<ApiKeyDraft> = {}): ApiKeyDraft => ({
      tenantId: own,
      id: randomUUID(),
      principalId: bot,
      name: 'nightly job',
      hash: randomBytes(32),
      scopes: ['mcp', 'manage'],
      ...more,
    });
    const put = (more: Partial<ApiKeyDraft> = {}) => keys.insert(draft(more), eventOf('api_key.created'));

    it('gives back what was put in, byte for byte, newest first', async () => {
      const wanted = draft({ expiresAt: new Date('2126-01-02T03:04:05.678Z') });
      const made = await keys.insert(wanted, eventOf('api_key.created'));
      expect(made).toEqual({ ...wanted, createdAt: expect.any(Date) });
      expect(await keys.find(own, made.id)).toEqual(made);
      const next = await put({ scopes: [] });
      expect((await keys.list(own)).slice(0, 2)).toEqual([next, made]);
      expect(await keys.find(own, 'nobody')).toBeUndefined();
    });

    it('refuses a key of a principal that does not exist, or is another tenant’s', async () => {
      await addBot(foreign, principalId('theirs'));
      for (const id of ['nobody', 'theirs']) {
        await expect(put({ principalId: principalId(id) })).rejects.toMatchObject({
          code: 'COMPOSER_PRINCIPAL_UNKNOWN',
        });
      }
    });

    it('revokes a key once, and keeps when', async () => {
      const { id } = await put();
      expect(await keys.revoke(own, id, eventOf('api_key.revoked'))).toBe(true);
      const revoked = await keys.find(own, id);
      expect(revoked?.revokedAt).toBeInstanceOf(Date);
      expect(await keys.revoke(own, id, eventOf('api_key.revoked'))).toBe(true);
      expect(await keys.find(own, id)).toEqual(revoked);
      expect(await keys.revoke(own, 'nobody', eventOf('api_key.revoked'))).toBe(false);
    });

    it('notes uses, the later one of two, without a record or an announcement', async () => {
      const [{ id }, other] = [await put(), await put()];
      const [before, seen] = [(await stores.actions(own)).length, stores.announced.length];
      const [early, late] = [new Date('2026-01-02T03:04:00Z'), new Date('2026-01-02T03:05:00Z')];
      await keys.touch(own, new Map([[id, late]]));
      await keys.touch(own, new Map([[id, early], [other.id, early], ['nobody', late]])); // prettier-ignore
      expect((await keys.find(own, id))?.lastUsedAt).toEqual(late);
      expect((await keys.find(own, other.id))?.lastUsedAt).toEqual(early);
      expect([(await stores.actions(own)).length, stores.announced.length]).toEqual([before, seen]);
    });

    it('lets the keys of a principal go with it', async () => {
      const temporary = principalId('temporary');
      await addBot(own, temporary);
      const [gone, kept] = [await put({ principalId: temporary }), await put()];
      await stores.principals.remove(own, temporary, eventOf('principal.deleted'));
      expect(await keys.find(own, gone.id)).toBeUndefined();
      expect(await keys.find(own, kept.id)).toEqual(kept);
    });

    it('shows another tenant nothing, and lets it change nothing', async () => {
      const made = await put();
      expect(await keys.find(foreign, made.id)).toBeUndefined();
      expect((await keys.list(foreign)).map(({ id }) => id)).not.toContain(made.id);
      expect(await keys.revoke(foreign, made.id, eventOf('api_key.revoked'))).toBe(false);
      await keys.touch(foreign, new Map([[made.id, new Date()]]));
      await stores.principals.remove(foreign, bot, eventOf('principal.deleted'));
      await addBot(foreign, bot);
      expect(await keys.find(own, made.id)).toEqual(made);
    });

    it('records and announces what is made and revoked', async () => {
      const [before, seen] = [(await stores.actions(own)).length, stores.announced.length];
      const { id } = await put();
      await keys.revoke(own, id, eventOf('api_key.revoked'));
      await keys.revoke(own, id, eventOf('api_key.revoked'));
      expect((await stores.actions(own)).slice(before)).toEqual(['api_key.created', 'api_key.revoked']);
      expect(stores.announced.slice(seen)).toEqual([own, own]);
    });

    it('changes nothing that cannot be recorded', async () => {
      const made = await put();
      const other = draft();
      stores.breakTrail(true);
      try {
        await expect(keys.insert(other, eventOf('x.y'))).rejects.toThrow('no audit');
        await expect(keys.revoke(own, made.id, eventOf('x.y'))).rejects.toThrow('no audit');
      } finally {
        stores.breakTrail(false);
      }
      expect(await keys.find(own, other.id)).toBeUndefined();
      expect(await keys.find(own, made.id)).toEqual(made);
    });

    it('holds so many keys, and lets those that have ended make room', async () => {
      const expired = await put({ tenantId: foreign, expiresAt: new Date(1) });
      const { id: of } = await put({ tenantId: foreign });
      const missing = MAX_KEYS - (await keys.list(foreign)).length;
      if (stores.copy) await stores.copy(foreign, 'api-key', { of, count: missing });
      else {
        for (let left = missing; left > 0; left -= 20) {
          await Promise.all(Array.from({ length: Math.min(20, left) }, () => put({ tenantId: foreign })));
        }
      }
      const last = await put({ tenantId: foreign });
      expect(await keys.find(foreign, expired.id)).toBeUndefined();
      await expect(put({ tenantId: foreign })).rejects.toMatchObject({ code: 'COMPOSER_KEY_LIMIT' });
      await keys.revoke(foreign, last.id, eventOf('api_key.revoked'));
      await put({ tenantId: foreign });
      expect(await keys.list(foreign)).toHaveLength(MAX_KEYS);
    }, 120_000);
  });
}
