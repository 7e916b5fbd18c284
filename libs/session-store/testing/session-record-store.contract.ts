import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import type { NewSessionRecord, RecordRange, SessionRecordStore } from '../src/session-record.store.js';

/** A store on one backend, and tenants that exist there and have nothing. */
export interface OpenSessionRecordStore {
  readonly store: SessionRecordStore;
  tenant(): Promise<TenantId>;
  /** Tenants that were told to have news. */
  announced(): readonly TenantId[];
  close(): Promise<void>;
}

/** What every backend of records of sessions must do. */
export function describeSessionRecordStore(name: string, open: () => Promise<OpenSessionRecordStore>): void {
  describe(`${name} as a home of what sessions leave behind`, () => {
    let opened: OpenSessionRecordStore;
    let store: SessionRecordStore;
    let own: TenantId;
    let foreign: TenantId;
    const record = (at: string, more: Partial<NewSessionRecord> = {}): NewSessionRecord => ({
      session: 'one',
      name: at,
      body: `body of ${at}`,
      seconds: 60,
      ...more,
    });
    const names = async (tenant: TenantId, range: Partial<RecordRange> = {}, session = 'one') =>
      (await store.list(tenant, session, { prefix: '', ...range })).map((found) => found.name);

    beforeAll(async () => {
      opened = await open();
      ({ store } = opened);
    });
    afterAll(async () => {
      await opened?.close();
    });
    beforeEach(async () => {
      [own, foreign] = [await opened.tenant(), await opened.tenant()];
    });

    it('gives what was put, in the order of the names, to its tenant and session alone', async () => {
      await store.put(own, [record('b'), record('a/2'), record('a/1'), record('a/1', { session: 'two' })], false);
      expect(await store.list(own, 'one', { prefix: 'a/' })).toEqual([
        { session: 'one', name: 'a/1', body: 'body of a/1' },
        { session: 'one', name: 'a/2', body: 'body of a/2' },
      ]);
      expect(await names(own)).toEqual(['a/1', 'a/2', 'b']);
      expect(await names(own, {}, 'two')).toEqual(['a/1']);
      expect(await names(foreign)).toEqual([]);
    });

    it('orders by code unit, and goes on behind a name', async () => {
      await store.put(own, [record('s/a'), record('s/B'), record('s/00000010'), record('s/00000009')], false);
      expect(await names(own, { prefix: 's/' })).toEqual(['s/00000009', 's/00000010', 's/B', 's/a']);
      expect(await names(own, { prefix: 's/', after: 's/00000010' })).toEqual(['s/B', 's/a']);
    });

    it('writes over what has the same name', async () => {
      await store.put(own, [record('a')], false);
      await store.put(own, [record('a', { body: 'another' })], false);
      expect(await store.list(own, 'one', { prefix: '' })).toEqual([{ session: 'one', name: 'a', body: 'another' }]);
    });

    it('removes what begins alike, of one session', async () => {
      await store.put(own, [record('a/1'), record('a/2'), record('b'), record('a/1', { session: 'two' })], false);
      await store.put(foreign, [record('a/1')], false);
      await store.remove(own, 'one', 'a/');
      expect([await names(own), await names(own, {}, 'two'), await names(foreign)]).toEqual([['b'], ['a/1'], ['a/1']]);
    });

    it('gives nothing that has expired, and sweeps that alone', async () => {
      await store.put(own, [record('gone', { seconds: -1 }), record('there')], false);
      expect(await names(own)).toEqual(['there']);
      expect(await store.sweep(1_000)).toBeGreaterThanOrEqual(1);
      expect(await store.sweep(1_000)).toBe(0);
      expect(await names(own)).toEqual(['there']);
    });

    it('tells that there is news, when it is told to', async () => {
      await store.put(own, [record('a')], false);
      expect(opened.announced()).not.toContain(own);
      await store.put(own, [record('b')], true);
      expect(opened.announced()).toContain(own);
    });
  });
}
