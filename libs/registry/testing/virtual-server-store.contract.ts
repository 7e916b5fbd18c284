import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import type { VirtualServer } from '../src/virtual-servers/virtual-server.schema.js';
import type { VirtualServerDraft, VirtualServerStore } from '../src/virtual-servers/virtual-server.store.js';

/** A store on one backend, two tenants that exist there, and what it told. */
export interface OpenVirtualServerStore {
  readonly store: VirtualServerStore;
  readonly tenants: readonly [TenantId, TenantId];
  /** Targets of the tenant's recorded events, oldest first. */
  recorded(tenant: TenantId): Promise<readonly string[]>;
  /** Tenants whose virtual servers were announced as changed, oldest first. */
  readonly announced: readonly TenantId[];
  close(): Promise<void>;
}

let serial = 0;

/** What every backend of virtual servers must do. */
export function describeVirtualServerStore(name: string, open: () => Promise<OpenVirtualServerStore>): void {
  describe(`${name} as a home of virtual servers`, () => {
    let opened: OpenVirtualServerStore;
    let store: VirtualServerStore;
    let own: TenantId;
    let foreign: TenantId;
    let slug: string;

    beforeAll(async () => {
      opened = await open();
      store = opened.store;
      [own, foreign] = opened.tenants;
    });
    afterAll(async () => {
      await opened?.close();
    });
    beforeEach(() => void (slug = `desk-${++serial}`));

    const server = (more: Partial<VirtualServer> = {}): VirtualServer => ({
      slug,
      label: 'Desk',
      servers: ['crm', 'erp-*'],
      tools: ['*_find'],
      roles: ['support'],
      naming: 'prefix',
      ...more,
    });
    const draft = (tenantId: TenantId, version = 1, more: Partial<VirtualServer> = {}): VirtualServerDraft => ({
      tenantId,
      server: server(more),
      version,
    });
    const event = (action = 'virtual_server.created'): AuditEvent => ({
      action,
      actor: { kind: 'system', id: 'test' },
      target: `virtual_server:${slug}`,
    });
    /** How often something was told while `work` ran. */
    async function told(
      tenant: TenantId,
      work: () => Promise<unknown>,
    ): Promise<[recorded: number, announced: number]> {
      const count = async () => [
        (await opened.recorded(tenant)).filter((target) => target === `virtual_server:${slug}`).length,
        opened.announced.filter((one) => one === tenant).length,
      ];
      const before = await count();
      await work();
      const after = await count();
      return [after[0]! - before[0]!, after[1]! - before[1]!];
    }

    it('finds nothing before anything is stored', async () => {
      expect(await store.find(own, slug)).toBeUndefined();
      expect(await told(own, async () => expect(await store.remove(own, slug, event())).toBe(false))).toEqual([0, 0]);
    });

    it('gives back what was stored, and lists it in the order of slugs', async () => {
      const stored = await store.write(draft(own), event());
      expect(stored).toMatchObject(draft(own));
      expect(stored.createdAt.getTime()).toBeGreaterThan(0);
      expect(await store.find(own, slug)).toEqual(stored);
      await store.write({ ...draft(own), server: server({ slug: `${slug}-B` }) }, event());
      await store.write({ ...draft(own), server: server({ slug: `${slug}-a` }) }, event());
      const slugs = (await store.list(own)).map((one) => one.server.slug).filter((one) => one.startsWith(slug));
      expect(slugs).toEqual([slug, `${slug}-B`, `${slug}-a`]);
    });

    it('keeps absent what is absent', async () => {
      const { tools: _tools, roles: _roles, ...rest } = server();
      await store.write({ tenantId: own, server: rest, version: 1 }, event());
      expect((await store.find(own, slug))?.server).toEqual(rest);
    });

    it('replaces a version by the next one only, and refuses a second first one', async () => {
      const first = await store.write(draft(own), event());
      const second = await store.write(draft(own, 2, { label: 'New' }), event());
      expect(second).toMatchObject({ version: 2, createdAt: first.createdAt, server: { label: 'New' } });
      for (const version of [1, 2, 4]) {
        const lost = () => store.write(draft(own, version, { label: 'Lost' }), event());
        const tells = told(own, () =>
          expect(lost()).rejects.toMatchObject({ code: 'COMPOSER_VIRTUAL_SERVER_CONFLICT' }),
        );
        expect(await tells).toEqual([0, 0]);
      }
      expect(await store.find(own, slug)).toEqual(second);
      slug = `${slug}-new`;
      await expect(store.write(draft(own, 2), event())).rejects.toMatchObject({
        code: 'COMPOSER_VIRTUAL_SERVER_CONFLICT',
      });
    });

    it('lets one of many concurrent changes win', async () => {
      await store.write(draft(own), event());
      const writes = Array.from({ length: 5 }, () => store.write(draft(own, 2), event()));
      const changes = await Promise.allSettled(writes);
      expect(changes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('records and announces every change, in the tenant alone', async () => {
      expect(await told(foreign, () => store.write(draft(own), event()))).toEqual([0, 0]);
      expect(await told(own, () => store.write(draft(own, 2), event()))).toEqual([1, 1]);
      expect(await told(own, () => store.remove(own, slug, event()))).toEqual([1, 1]);
    });

    it('removes, and takes the slug again', async () => {
      await store.write(draft(own), event());
      expect(await store.remove(own, slug, event())).toBe(true);
      expect(await store.find(own, slug)).toBeUndefined();
      expect((await store.write(draft(own), event())).version).toBe(1);
    });

    it('shows one tenant nothing of another, and lets it change nothing', async () => {
      const stored = await store.write(draft(own), event());
      expect(await store.find(foreign, slug)).toBeUndefined();
      expect((await store.list(foreign)).some((one) => one.server.slug === slug)).toBe(false);
      expect(await store.remove(foreign, slug, event())).toBe(false);
      await expect(store.write(draft(foreign, 2), event())).rejects.toMatchObject({
        code: 'COMPOSER_VIRTUAL_SERVER_CONFLICT',
      });
      await store.write(draft(foreign, 1, { label: 'Theirs' }), event());
      expect(await store.find(own, slug)).toEqual(stored);
      expect(await store.find(foreign, slug)).toMatchObject({ server: { label: 'Theirs' } });
    });
  });
}
