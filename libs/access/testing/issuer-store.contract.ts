import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { ISSUERS_AT_MOST, type IssuerDraft, type IssuerStore } from '../src/issuers/issuer.store.js';

/** A store on one backend, two tenants that exist there, and a look at what it has recorded and announced. */
export interface OpenIssuerStore {
  readonly store: IssuerStore;
  readonly tenants: readonly [TenantId, TenantId];
  /** Actions in the tenant's trail, oldest first. */
  recorded(tenant: TenantId): Promise<readonly string[]>;
  /** How often something of the tenant was announced. */
  announced(tenant: TenantId): Promise<number>;
  close(): Promise<void>;
}

let serial = 0;

/** What every backend of issuers must do. */
export function describeIssuerStore(name: string, open: () => Promise<OpenIssuerStore>): void {
  describe(`${name} as a home of issuers`, () => {
    let opened: OpenIssuerStore;
    let store: IssuerStore;
    let own: TenantId;
    let foreign: TenantId;
    let id: string;

    beforeAll(async () => {
      opened = await open();
      store = opened.store;
      [own, foreign] = opened.tenants;
    });
    afterAll(async () => {
      await opened?.close();
    });
    beforeEach(() => void (id = `idp-${++serial}`));

    const created: AuditEvent = { action: 'issuer.created', actor: SYSTEM };
    const draft = (tenant: TenantId, more: Partial<IssuerDraft> & { issuer?: string } = {}): IssuerDraft => {
      const { issuer = `https://${more.id ?? id}.example`, ...rest } = more;
      const settings = {
        issuer,
        kind: 'jwt' as const,
        audiences: ['api://composer'],
        algorithms: ['ES256'],
        role_map: { staff: 'developer' },
        default_roles: ['caller'],
      };
      return { tenantId: tenant, id, settings, version: 1, ...rest };
    };

    it('finds nothing before anything is stored', async () => {
      expect(await store.find(own, id)).toBeUndefined();
      expect(await store.findEverywhere(`https://${id}.example`)).toEqual([]);
      expect(await store.remove(own, id, { action: 'issuer.deleted', actor: SYSTEM })).toBe(false);
      expect(await opened.recorded(own)).not.toContain('issuer.deleted');
    });

    it('gives back what was stored, and lists it in the order of ids', async () => {
      const disabledAt = new Date('2026-01-02T03:04:05.678Z');
      const stored = await store.write(draft(own, { sealedSecret: 'v1.sealed', disabledAt }), created);
      expect(stored).toMatchObject({ ...draft(own), sealedSecret: 'v1.sealed', disabledAt });
      await store.write(draft(own, { id: `${id}-b` }), created);
      expect(await store.find(own, id)).toEqual(stored);
      const ids = (await store.list(own)).map((issuer) => issuer.id);
      expect(ids.filter((one) => one.startsWith(id))).toEqual([id, `${id}-b`]);
      expect([...ids].sort()).toEqual(ids);
    });

    it('takes a version that follows, and no other', async () => {
      const first = await store.write(draft(own, { sealedSecret: 'v1.sealed' }), created);
      await expect(store.write(draft(own), created)).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_CONFLICT' });
      await expect(store.write(draft(own, { version: 3 }), created)).rejects.toMatchObject({
        code: 'COMPOSER_ISSUER_CONFLICT',
      });
      const second = await store.write(draft(own, { version: 2, issuer: `https://${id}-moved.example` }), created);
      expect(second).toMatchObject({ version: 2, createdAt: first.createdAt });
      expect(second.sealedSecret).toBeUndefined();
      expect(await store.findEverywhere(`https://${id}.example`)).toEqual([]);
      await expect(store.write(draft(own, { id: `${id}-new`, version: 2 }), created)).rejects.toMatchObject({
        code: 'COMPOSER_ISSUER_CONFLICT',
      });
    });

    it('lets one of many writers of a version win', async () => {
      await store.write(draft(own), created);
      const writers = Array.from({ length: 5 }, () => store.write(draft(own, { version: 2 }), created));
      const outcomes = await Promise.allSettled(writers);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('keeps an issuer once in a tenant, and any number of times in all', async () => {
      const issuer = `https://shared-${id}.example`;
      await store.write(draft(own, { issuer }), created);
      await store.write(draft(foreign, { issuer }), created);
      const again = draft(own, { id: `${id}-again`, issuer });
      await expect(store.write(again, created)).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_EXISTS' });
      const everywhere = await store.findEverywhere(issuer);
      expect(everywhere.map(({ tenantId }) => tenantId).sort()).toEqual([own, foreign].sort());
      expect(await store.findEverywhere(`${issuer}/`)).toEqual([]);
    });

    it('shows a tenant nothing of another one, and lets it remove nothing there', async () => {
      const stored = await store.write(draft(own), created);
      expect(await store.find(foreign, id)).toBeUndefined();
      expect((await store.list(foreign)).map((issuer) => issuer.id)).not.toContain(id);
      expect(await store.remove(foreign, id, { action: 'issuer.deleted', actor: SYSTEM })).toBe(false);
      const other = await store.write(draft(foreign, { issuer: `https://other-${id}.example` }), created);
      expect(other.version).toBe(1);
      expect(await store.find(own, id)).toEqual(stored);
    });

    it('records every change in the trail of its tenant and announces it, and nothing that did not happen', async () => {
      const [before, announced] = [await opened.recorded(own), await opened.announced(own)];
      const elsewhere = [await opened.recorded(foreign), await opened.announced(foreign)];
      await store.write(draft(own), created);
      await store.write(draft(own, { version: 2 }), { action: 'issuer.updated', actor: SYSTEM });
      await store.write(draft(own, { version: 9 }), { action: 'issuer.updated', actor: SYSTEM }).catch(() => undefined);
      expect(await store.remove(own, id, { action: 'issuer.deleted', actor: SYSTEM })).toBe(true);
      const actions = ['issuer.created', 'issuer.updated', 'issuer.deleted'];
      expect(await opened.recorded(own)).toEqual([...before, ...actions]);
      expect(await opened.announced(own)).toBe(announced + 3);
      expect([await opened.recorded(foreign), await opened.announced(foreign)]).toEqual(elsewhere);
    });

    it('has a limit for each tenant', async () => {
      for (const issuer of await store.list(own)) await store.remove(own, issuer.id, created);
      for (let at = 0; at < ISSUERS_AT_MOST; at++) await store.write(draft(own, { id: `${id}-${at}` }), created);
      await expect(store.write(draft(own), created)).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_LIMIT' });
      expect((await store.write(draft(own, { id: `${id}-0`, version: 2 }), created)).version).toBe(2);
      expect((await store.write(draft(foreign), created)).version).toBe(1);
    });
  });
}
