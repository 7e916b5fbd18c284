import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId, principalId } from '#kernel';
import type { PendingConsentStore, StoredConsent } from '../src/consents/pending-consent.store.js';

/** A store on one backend, and tenants that exist there and have nothing. */
export interface OpenConsents {
  readonly consents: PendingConsentStore;
  tenant(): Promise<TenantId>;
  close(): Promise<void>;
}

const BOUNDS = { seconds: 600, ofPrincipal: 3, ofTenant: 5 };

/** What every backend of pending consents must do. */
export function describePendingConsentStore(name: string, open: () => Promise<OpenConsents>): void {
  describe(`${name} as a home of pending consents`, () => {
    let opened: OpenConsents;
    let consents: PendingConsentStore;
    let own: StoredConsent;
    let foreign: StoredConsent;
    const another = (of: StoredConsent, principal = 'ann'): StoredConsent => ({
      ...of,
      id: randomUUID(),
      principalId: principalId(principal),
    });

    beforeAll(async () => {
      opened = await open();
      ({ consents } = opened);
    });
    afterAll(async () => {
      await opened?.close();
    });
    beforeEach(async () => {
      const consent = { id: randomUUID(), principalId: principalId('ann') };
      own = { ...consent, tenantId: await opened.tenant(), payload: 'sealed' };
      foreign = { ...consent, tenantId: await opened.tenant(), payload: 'another' };
    });

    it('has nothing before anything is put', async () => {
      expect(await consents.take(own)).toBeUndefined();
    });

    it('gives what was put once', async () => {
      expect(await consents.put(own, BOUNDS)).toBe(true);
      expect(await consents.take(own)).toEqual(own);
      expect(await consents.take(own)).toBeUndefined();
    });

    it('gives it to exactly one of many', async () => {
      await consents.put(own, BOUNDS);
      const got = await Promise.all(Array.from({ length: 8 }, () => consents.take(own)));
      expect(got.filter((one) => one !== undefined)).toEqual([own]);
    });

    it('gives nothing that has expired, swept or not', async () => {
      await consents.put(own, { ...BOUNDS, seconds: -1 });
      expect(await consents.take(own)).toBeUndefined();
      await consents.put(another(own), { ...BOUNDS, seconds: -1 });
      expect(await consents.sweep(10)).toBeGreaterThanOrEqual(1);
      expect(await consents.sweep(10)).toBe(0);
    });

    it('sweeps nothing that is alive', async () => {
      await consents.put(own, BOUNDS);
      await consents.sweep(10);
      expect(await consents.take(own)).toEqual(own);
    });

    it('lets the oldest ones of a principal make room, and of nobody else', async () => {
      const others = another(own, 'bob');
      await consents.put(others, BOUNDS);
      const many = Array.from({ length: 5 }, () => another(own));
      for (const consent of many) expect(await consents.put(consent, BOUNDS)).toBe(true);
      const got = [];
      for (const consent of many) got.push((await consents.take(consent)) !== undefined);
      expect(got).toEqual([false, false, true, true, true]);
      expect(await consents.take(others)).toEqual(others);
    });

    it('refuses what a tenant has too many of, and takes others again when some are gone', async () => {
      const many = ['a', 'b', 'c', 'd', 'e'].map((name) => another(own, name));
      for (const consent of many) await consents.put(consent, BOUNDS);
      expect(await consents.put(own, BOUNDS)).toBe(false);
      expect(await consents.put(foreign, BOUNDS)).toBe(true);
      expect(await consents.take(own)).toBeUndefined();
      await consents.take(many[0]!);
      expect(await consents.put(own, BOUNDS)).toBe(true);
    });

    it('lets what has expired stand in nobody’s way', async () => {
      for (const name of ['a', 'b', 'c', 'd', 'e']) await consents.put(another(own, name), { ...BOUNDS, seconds: -1 });
      expect(await consents.put(own, BOUNDS)).toBe(true);
    });

    it('shows one tenant nothing of another one, and lets it take nothing', async () => {
      await consents.put(foreign, BOUNDS);
      expect(await consents.take(own)).toBeUndefined();
      await consents.put(own, BOUNDS);
      expect(await consents.take(foreign)).toEqual(foreign);
      expect(await consents.take(own)).toEqual(own);
    });
  });
}
