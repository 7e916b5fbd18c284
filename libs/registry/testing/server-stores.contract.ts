import { beforeAll, afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '#audit';
import { type MemberRef, type TenantId, serverId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import type { CatalogStore } from '../src/catalog.store.js';
import { type ServerConfigStore, type ServerDraft, markOf } from '../src/server-config.store.js';

/** A pair of stores on one backend, and two tenants that exist there. */
export interface OpenStores {
  readonly servers: ServerConfigStore;
  readonly catalogs: CatalogStore;
  readonly tenants: readonly [TenantId, TenantId];
  /** The trail of a tenant, oldest first. */
  recorded(tenant: TenantId): Promise<readonly AuditEvent[]>;
  close(): Promise<void>;
}

const EVENT: AuditEvent = { action: 'server.updated', actor: SYSTEM };

let serial = 0;

/** What every backend of configurations and catalogues must do. A backend's own spec is this call plus its own quirks. */
export function describeServerStores(name: string, open: () => Promise<OpenStores>): void {
  describe(`${name} as a home of servers`, () => {
    let stores: OpenStores;
    let own: MemberRef;
    let foreign: MemberRef;

    beforeAll(async () => {
      stores = await open();
    });
    afterAll(async () => {
      await stores?.close();
    });
    beforeEach(() => {
      const id = serverId(`crm-${++serial}`);
      own = { tenantId: stores.tenants[0], serverId: id };
      foreign = { tenantId: stores.tenants[1], serverId: id };
    });

    const draft = (ref: MemberRef, version = 1): ServerDraft => ({
      ref,
      config: { id: ref.serverId, type: 'http', label: `v${version}`, auth: { token: { set: true } } },
      secrets: { '/auth/token': `sealed-${version}` },
      version,
    });
    const catalog = (text: string, document?: Buffer) => ({
      fetchedAt: new Date('2026-01-02T03:04:05.678Z'),
      content: { tools: [text] },
      ...(document ? { document } : {}),
    });

    it('finds nothing before anything is stored', async () => {
      expect(await stores.servers.find(own)).toBeUndefined();
      expect(await stores.catalogs.read(own)).toBeUndefined();
      expect(await stores.servers.remove(draft(own), EVENT)).toBe(false);
    });

    it('gives back what was stored, and lists it in the order of ids', async () => {
      const stored = await stores.servers.insert(draft(own), EVENT);
      const later = { ...own, serverId: serverId(`${own.serverId}-b`) };
      await stores.servers.insert(draft(later), EVENT);
      expect(stored).toMatchObject(draft(own));
      expect(await stores.servers.find(own)).toEqual(stored);
      const ids = (await stores.servers.list(own.tenantId)).map(({ ref }) => ref.serverId);
      expect(ids.filter((id) => id.startsWith(own.serverId))).toEqual([own.serverId, later.serverId]);
      expect([...ids].sort()).toEqual(ids);
    });

    it('refuses a second server of the same id, and leaves the first one alone', async () => {
      await stores.servers.insert(draft(own), EVENT, catalog('first'));
      await expect(stores.servers.insert(draft(own, 9), EVENT, catalog('second'))).rejects.toMatchObject({
        code: 'COMPOSER_SERVER_EXISTS',
      });
      expect(await stores.servers.find(own)).toMatchObject(draft(own));
      expect(await stores.catalogs.read(own)).toEqual(catalog('first'));
    });

    it('replaces a version by the next one only', async () => {
      const first = await stores.servers.insert(draft(own), EVENT);
      const second = await stores.servers.replace(draft(own, 2), EVENT);
      expect(second).toMatchObject({ ...draft(own, 2), createdAt: first.createdAt });
      for (const version of [2, 4]) {
        await expect(stores.servers.replace(draft(own, version), EVENT, catalog('lost'))).rejects.toMatchObject({
          code: 'COMPOSER_SERVER_CONFLICT',
        });
      }
      expect(await stores.servers.find(own)).toMatchObject(draft(own, 2));
      expect(await stores.catalogs.read(own)).toBeUndefined();
    });

    it('keeps the last ten versions, newest first, and none of a server that is gone', async () => {
      await stores.servers.insert(draft(own), EVENT);
      for (let version = 2; version <= 12; version++) await stores.servers.replace(draft(own, version), EVENT);
      const history = await stores.servers.history(own);
      expect(history.map(({ version }) => version)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
      expect(history[0]).toMatchObject(draft(own, 12));
      expect(await stores.servers.history(foreign)).toEqual([]);
      await stores.servers.remove(draft(own, 12), EVENT);
      expect(await stores.servers.history(own)).toEqual([]);
    });

    it('lets one of many concurrent changes win', async () => {
      await stores.servers.insert(draft(own), EVENT);
      const changes = await Promise.allSettled([1, 2, 3, 4, 5].map(() => stores.servers.replace(draft(own, 2), EVENT)));
      expect(changes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('removes a server with its catalogue, and takes the id again', async () => {
      await stores.servers.insert(draft(own), EVENT, catalog('gone'));
      expect(await stores.servers.remove(draft(own), EVENT)).toBe(true);
      expect(await stores.servers.find(own)).toBeUndefined();
      expect(await stores.catalogs.read(own)).toBeUndefined();
      await stores.catalogs.write(own, catalog('late'));
      expect(await stores.catalogs.read(own)).toBeUndefined();
      await stores.servers.insert(draft(own), EVENT);
      expect(await stores.servers.find(own)).toMatchObject({ version: 1 });
    });

    it('marks what is active, with another mark for every state and for every new server of an id', async () => {
      const marks = new Set<string>();
      const marked = async () => {
        const mark = (await stores.servers.marks(own.tenantId)).get(own.serverId);
        expect(mark).toBe(markOf((await stores.servers.find(own))!));
        marks.add(mark!);
      };
      await stores.servers.insert(draft(own), EVENT);
      await marked();
      await stores.servers.replace(draft(own, 2), EVENT);
      await marked();
      expect((await stores.servers.marks(foreign.tenantId)).has(own.serverId)).toBe(false);
      const resting = { ...draft(own, 3), config: { ...draft(own).config, status: 'deactivated' } };
      await stores.servers.replace(resting, EVENT);
      expect((await stores.servers.marks(own.tenantId)).has(own.serverId)).toBe(false);
      expect((await stores.servers.ids(own.tenantId)).has(own.serverId)).toBe(true);
      expect((await stores.servers.ids(foreign.tenantId)).has(own.serverId)).toBe(false);
      await stores.servers.remove(draft(own, 3), EVENT);
      expect((await stores.servers.ids(own.tenantId)).has(own.serverId)).toBe(false);
      const removedAt = Date.now();
      await until(() => Date.now() > removedAt + 1, 'the clock to move on');
      await stores.servers.insert(draft(own), EVENT);
      await marked();
      expect(marks.size).toBe(3);
    });

    it('removes the version that is meant and no other', async () => {
      await stores.servers.insert(draft(own), EVENT, catalog('kept'));
      await stores.servers.replace(draft(own, 2), EVENT);
      await expect(stores.servers.remove(draft(own), EVENT)).rejects.toMatchObject({
        code: 'COMPOSER_SERVER_CONFLICT',
      });
      expect(await stores.servers.find(own)).toMatchObject(draft(own, 2));
      expect(await stores.catalogs.read(own)).toEqual(catalog('kept'));
    });

    it('records every change in the trail of its tenant, and nothing that did not happen', async () => {
      const event = (n: number): AuditEvent => ({ ...EVENT, target: `server:${own.serverId}`, detail: { n } });
      await stores.servers.insert(draft(own), event(1));
      await stores.servers.insert(draft(own), event(2)).catch(() => undefined);
      await stores.servers.replace(draft(own, 2), event(3));
      await stores.servers.replace(draft(own, 2), event(4)).catch(() => undefined);
      await stores.servers.remove(draft(own, 1), event(5)).catch(() => undefined);
      await stores.servers.remove(draft(foreign, 2), event(6));
      await stores.servers.remove(draft(own, 2), event(7));
      await stores.servers.remove(draft(own, 2), event(8));
      const recorded = async (tenant: TenantId) =>
        (await stores.recorded(tenant))
          .filter(({ target }) => target === `server:${own.serverId}`)
          .map(({ detail }) => detail?.['n']);
      expect(await recorded(own.tenantId)).toEqual([1, 3, 7]);
      expect(await recorded(foreign.tenantId)).toEqual([]);
    });

    it('keeps the document of a catalogue that is written without one', async () => {
      await stores.servers.insert(draft(own), EVENT, catalog('one', Buffer.from('spec')));
      await stores.catalogs.write(own, catalog('two'));
      expect(await stores.catalogs.read(own)).toEqual(catalog('two', Buffer.from('spec')));
      expect((await stores.catalogs.list(own.tenantId)).get(own.serverId)).toEqual(catalog('two'));
    });

    it('shows one tenant nothing of another, and lets it change nothing', async () => {
      await stores.servers.insert(draft(own), EVENT, catalog('own'));
      expect(await stores.servers.find(foreign)).toBeUndefined();
      expect(await stores.catalogs.read(foreign)).toBeUndefined();
      expect(await stores.servers.remove(draft(foreign), EVENT)).toBe(false);
      await expect(stores.servers.replace(draft(foreign, 2), EVENT)).rejects.toMatchObject({
        code: 'COMPOSER_SERVER_CONFLICT',
      });
      await stores.catalogs.write(foreign, catalog('foreign'));
      expect((await stores.servers.list(foreign.tenantId)).some(({ ref }) => ref.serverId === own.serverId)).toBe(
        false,
      );
      expect((await stores.catalogs.list(foreign.tenantId)).has(own.serverId)).toBe(false);
      expect(await stores.servers.find(own)).toMatchObject(draft(own));
      expect(await stores.catalogs.read(own)).toEqual(catalog('own'));
      await stores.servers.insert(draft(foreign), EVENT);
      expect(await stores.servers.find(foreign)).toMatchObject({ version: 1 });
    });
  });
}
