import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import type {
  AuthorizationRecordDraft,
  AuthorizationRecordStore,
} from '../src/authorization-server/records/authorization-record.store.js';

/** A store on one backend, and two tenants that exist there. */
export interface OpenRecords {
  readonly records: AuthorizationRecordStore;
  readonly tenants: readonly [TenantId, TenantId];
  /** The actions that were recorded in the tenant, oldest first. */
  actions(tenant: TenantId): Promise<readonly string[]>;
  /** How often `access` was announced in the tenant. */
  announcements(tenant: TenantId): Promise<number>;
  close(): Promise<void>;
}

const HOUR = 3_600_000;
const later = (): Date => new Date(Date.now() + HOUR);
const before = (): Date => new Date(Date.now() - HOUR);
const event = (action: string): AuditEvent => ({ action, actor: { kind: 'system', id: 'test' } });

/** What every backend of authorization records must do. */
export function describeAuthorizationRecordStore(name: string, open: () => Promise<OpenRecords>): void {
  describe(`${name} as a home of authorization records`, () => {
    let opened: OpenRecords;
    let records: AuthorizationRecordStore;
    let own: AuthorizationRecordDraft;
    let foreign: AuthorizationRecordDraft;

    beforeAll(async () => {
      opened = await open();
      ({ records } = opened);
    });
    afterAll(async () => {
      await opened?.close();
    });
    beforeEach(() => {
      const id = randomUUID();
      const draft = { kind: 'RefreshToken', id, payload: 'sealed', generation: 1, grantId: `g-${id}`, uid: `u-${id}` };
      own = { ...draft, tenantId: opened.tenants[0], expiresAt: later() };
      foreign = { ...own, tenantId: opened.tenants[1], payload: 'another' };
    });

    it('finds nothing before anything is stored', async () => {
      expect(await records.find(own)).toBeUndefined();
      expect(await records.findByUid(own.tenantId, own.kind, own.uid!)).toBeUndefined();
      expect(await records.take(own)).toBeUndefined();
      expect(await records.consume(own)).toBe(false);
      expect(await records.destroy(own)).toBe(false);
      expect(await records.revokeByGrantId(own.tenantId, own.grantId!)).toBe(0);
    });

    it('gives back what was stored, by its id and by its second name', async () => {
      await records.upsert(own);
      expect(await records.find(own)).toEqual(own);
      expect(await records.findByUid(own.tenantId, own.kind, own.uid!)).toEqual(own);
      expect(await records.find({ ...own, kind: 'Grant' })).toBeUndefined();
    });

    it('replaces what was there, and keeps the mark of consumption', async () => {
      await records.upsert(own);
      await records.consume(own);
      await records.upsert({ ...own, payload: 'newer', generation: 2 });
      const found = await records.find(own);
      expect(found).toMatchObject({ payload: 'newer', generation: 2 });
      expect(found?.consumedAt).toBeInstanceOf(Date);
    });

    it('keeps what has no end', async () => {
      const { expiresAt: _, ...endless } = own;
      await records.upsert(endless);
      await records.sweep(1_000);
      expect(await records.find(own)).toEqual(endless);
    });

    it('inserts once: whoever comes second gets what the first one wrote', async () => {
      const drafts = Array.from({ length: 6 }, (_, n) => ({ ...own, payload: `payload ${n}` }));
      const got = await Promise.all(drafts.map((draft) => records.insert(draft)));
      expect(new Set(got.map(({ payload }) => payload)).size).toBe(1);
      expect((await records.find(own))?.payload).toBe(got[0]?.payload);
    });

    it('inserts over what has expired', async () => {
      await records.upsert({ ...own, expiresAt: before() });
      expect((await records.insert({ ...own, payload: 'fresh' })).payload).toBe('fresh');
    });

    it('lets exactly one of many consume', async () => {
      await records.upsert(own);
      const got = await Promise.all(Array.from({ length: 6 }, () => records.consume(own)));
      expect(got.filter(Boolean)).toHaveLength(1);
    });

    it('lets exactly one of many take', async () => {
      await records.upsert(own);
      const got = await Promise.all(Array.from({ length: 6 }, () => records.take(own)));
      expect(got.filter(Boolean)).toHaveLength(1);
      expect(await records.find(own)).toBeUndefined();
    });

    it('treats what has expired as gone, swept or not', async () => {
      await records.upsert({ ...own, expiresAt: before() });
      expect(await records.find(own)).toBeUndefined();
      expect(await records.findByUid(own.tenantId, own.kind, own.uid!)).toBeUndefined();
      expect(await records.list(own.tenantId, own.kind, 1_000)).not.toContainEqual(
        expect.objectContaining({ id: own.id }),
      );
      expect(await records.consume(own)).toBe(false);
      expect(await records.take(own)).toBeUndefined();
    });

    it('sweeps what has expired, a bounded number at a time, and nothing else', async () => {
      await records.sweep(10_000);
      const kind = `Swept${randomUUID()}`;
      const expired = ['a', 'b', 'c'].map((id) => ({ ...own, kind, id, expiresAt: before() }));
      for (const draft of [...expired, { ...own, kind }]) await records.upsert(draft);
      expect(await records.sweep(2)).toBe(2);
      expect(await records.sweep(2)).toBe(1);
      expect(await records.sweep(2)).toBe(0);
      expect(await records.list(own.tenantId, kind, 10)).toHaveLength(1);
    });

    it('moves the end of a life', async () => {
      const end = new Date(Date.now() + 2 * HOUR);
      await records.upsert(own);
      await records.extend(own, end);
      expect((await records.find(own))?.expiresAt).toEqual(end);
    });

    it('lists one kind, up to a limit', async () => {
      const kind = `Client${randomUUID()}`;
      for (const id of ['a', 'b', 'c']) await records.upsert({ ...own, kind, id });
      expect((await records.list(own.tenantId, kind, 10)).map(({ id }) => id).sort()).toEqual(['a', 'b', 'c']);
      expect(await records.list(own.tenantId, kind, 2)).toHaveLength(2);
    });

    it('removes everything of a grant, whatever its kind', async () => {
      const code = { ...own, kind: 'AuthorizationCode' };
      const other = { ...own, id: randomUUID(), grantId: 'another' };
      for (const draft of [own, code, other]) await records.upsert(draft);
      expect(await records.revokeByGrantId(own.tenantId, own.grantId!)).toBe(2);
      expect(await records.find(own)).toBeUndefined();
      expect(await records.find(code)).toBeUndefined();
      expect(await records.find(other)).toBeDefined();
    });

    it('records the events of a change, and announces what is gone', async () => {
      const [tenant] = opened.tenants;
      const count = (await opened.actions(tenant)).length;
      const announced = await opened.announcements(tenant);
      await records.upsert(own, event('consent.given'), event('sign_in.done'));
      await records.consume(own, event('token.refreshed'));
      expect(await opened.announcements(tenant)).toBe(announced);
      await records.revokeByGrantId(tenant, own.grantId!, event('grant.revoked'));
      expect((await opened.actions(tenant)).slice(count)).toEqual([
        'consent.given',
        'sign_in.done',
        'token.refreshed',
        'grant.revoked',
      ]);
      expect(await opened.announcements(tenant)).toBe(announced + 1);
    });

    it('records nothing of what did not happen', async () => {
      const [tenant] = opened.tenants;
      const count = (await opened.actions(tenant)).length;
      await records.consume(own, event('token.refreshed'));
      await records.destroy(own, event('grant.revoked'));
      await records.revokeByGrantId(tenant, own.grantId!, event('grant.revoked'));
      expect(await opened.actions(tenant)).toHaveLength(count);
    });

    it('shows one tenant nothing of another one, and lets it destroy nothing', async () => {
      await records.upsert(foreign);
      expect(await records.find(own)).toBeUndefined();
      expect(await records.findByUid(own.tenantId, own.kind, own.uid!)).toBeUndefined();
      expect(await records.take(own)).toBeUndefined();
      expect(await records.consume(own)).toBe(false);
      expect(await records.destroy(own)).toBe(false);
      await records.extend(own, before());
      expect(await records.revokeByGrantId(own.tenantId, own.grantId!)).toBe(0);
      await records.upsert(own);
      expect((await records.find(foreign))?.payload).toBe('another');
      expect((await records.find(own))?.payload).toBe('sealed');
    });
  });
}
