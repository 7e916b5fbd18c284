import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '#audit';
import { type PrincipalId, type TenantId, principalId, serverId } from '#kernel';
import { SYSTEM } from '#tenancy';
import type { Change, CredentialRecord, Look } from '../src/credential-record.js';
import { type ClaimOutcome, LEASE_MS, claiming, failing, keeping, putting } from '../src/credential-rules.js';
import { type TokenKey, credentialId } from '../src/token-key.js';
import { TAKEN_MS, type TokenStore } from '../src/token-store.js';

/** A store on one backend, and tenants that exist there and have nothing. */
export interface OpenTokenStore {
  readonly store: TokenStore;
  tenant(): Promise<TenantId>;
  /** The actions that were recorded in the tenant, oldest first. */
  actions(tenant: TenantId): Promise<readonly string[]>;
  /** How often a change of credentials was announced in the tenant. */
  announcements(tenant: TenantId): Promise<number>;
  /** Has time pass for what is stored of the tenant: the clock goes on, or all times go back. */
  pass(tenant: TenantId, ms: number): Promise<void>;
  close(): Promise<void>;
}

const event = (action: string): AuditEvent => ({ action, actor: SYSTEM, target: 'server:crm' });
const set = (record: CredentialRecord) => (): Change<void> => ({ result: undefined, record });

/** What every backend of credentials must do. */
export function describeTokenStore(name: string, open: () => Promise<OpenTokenStore>): void {
  describe(`${name} as a home of credentials`, () => {
    let opened: OpenTokenStore;
    let store: TokenStore;
    let own: TokenKey;
    let foreign: TokenKey;

    beforeAll(async () => {
      opened = await open();
      ({ store } = opened);
    });
    afterAll(async () => {
      await opened?.close();
    });
    beforeEach(async () => {
      const issuer = 'https://issuer.example';
      const key = { serverId: serverId('crm'), kind: 'token', issuer, fingerprint: 'f1' } as const;
      own = { ...key, tenantId: await opened.tenant() };
      foreign = { ...key, tenantId: await opened.tenant() };
    });

    const begun = (key: TokenKey, more: Partial<CredentialRecord> = {}): CredentialRecord => ({
      key,
      state: 'live',
      generation: 1,
      stamp: 's1',
      sealed: 'sealed',
      acceptedGeneration: 0,
      forcedAt: [],
      attempts: 0,
      updatedAt: 1_795_000_000_000,
      ...more,
    });
    const wish = (key: TokenKey, stamp?: string) => ({
      key,
      id: randomUUID(),
      ...(stamp === undefined ? {} : { stamp }),
      isForced: false,
      wasAccepted: false,
    });
    /** One wish, however often the change is made anew: a store repeats it when it does not know what became of it. */
    const ask = (key: TokenKey, stamp?: string) => {
      const wanted = wish(key, stamp);
      return store.change(key, (look) => claiming(look, wanted));
    };
    const claimed = (outcome: ClaimOutcome) => {
      if (outcome === 'missed' || 'heldForMs' in outcome) throw new Error('not claimed');
      return outcome;
    };

    it('has nothing before anything is put', async () => {
      expect(await store.read(own)).toBeUndefined();
      expect(await store.list(own, 10)).toEqual([]);
      expect(await store.marks(own.tenantId, [credentialId(own)])).toEqual(new Map());
      expect(await store.take(own, () => event('credential.revoked'))).toEqual([]);
    });

    it('gives back every part of what was put', async () => {
      const whole = begun(
        { ...own, principalId: principalId('ann') },
        {
          state: 'held',
          generation: 7,
          expiresAt: 1_795_000_100_123,
          lifetimeMs: 3_600_000,
          claim: { id: randomUUID(), owner: 4_711, leaseUntil: 1_795_000_030_001 },
          acceptedGeneration: 6,
          forcedAt: [1_795_000_000_001, 1_795_000_000_999],
          heldUntil: 1_795_000_060_007,
          attempts: 3,
          nextTryAt: 1_795_000_005_005,
          lastError: 'invalid_grant',
        },
      );
      await store.change(whole.key, set(whole));
      expect((await store.read(whole.key))?.record).toEqual(whole);
      const { principalId: _p, ...shared } = whole.key;
      expect(await store.read(shared)).toBeUndefined();
      const bare = begun(own);
      await store.change(own, set({ ...whole, key: own }));
      await store.change(own, set({ ...bare, stamp: 's2' }));
      expect((await store.read(own))?.record).toEqual({ ...bare, stamp: 's2' });
    });

    it('keeps apart what differs in any part of the key', async () => {
      const keys: TokenKey[] = [
        own,
        { ...own, serverId: serverId('erp') },
        { ...own, kind: 'client' },
        { ...own, principalId: principalId('ann') },
        { ...own, issuer: 'https://other.example' },
        { ...own, fingerprint: 'f2' },
      ];
      for (const [at, key] of keys.entries()) await store.change(key, set(begun(key, { stamp: `s${at}` })));
      const stamps = await Promise.all(keys.map(async (key) => (await store.read(key))?.record.stamp));
      expect(stamps).toEqual(keys.map((_, at) => `s${at}`));
    });

    it('tells the time, and decides by it', async () => {
      const before = await store.change(own, ({ now }) => ({ result: now, record: begun(own) }));
      const { now } = (await store.read(own))!;
      expect(Number.isInteger(before)).toBe(true);
      expect(now).toBeGreaterThanOrEqual(before);
      expect(Math.abs(now - Date.now())).toBeLessThan(60_000);
    });

    it('changes one after the other, whoever was first, also where nothing was before', async () => {
      const more = ({ record }: Look): Change<number> => {
        const attempts = (record?.attempts ?? 0) + 1;
        return { result: attempts, record: begun(own, { attempts }) };
      };
      const got = await Promise.all(Array.from({ length: 8 }, () => store.change(own, more)));
      expect(got.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect((await store.read(own))?.record.attempts).toBe(8);
    });

    it('changes nothing where nothing is decided, or the decision fails', async () => {
      await store.change(own, set(begun(own)));
      expect(await store.change(own, () => ({ result: 'seen' }))).toBe('seen');
      const fail = () => {
        throw new Error('undecided');
      };
      await expect(store.change(own, fail)).rejects.toThrow('undecided');
      expect((await store.read(own))?.record).toEqual(begun(own));
    });

    it('records and announces with the change what it is told to, and nothing else', async () => {
      const { tenantId } = own;
      await store.change(own, set(begun(own)));
      await store.change(own, () => ({ result: 0 }));
      expect(await opened.actions(tenantId)).toEqual([]);
      expect(await opened.announcements(tenantId)).toBe(0);
      const events = [event('credential.connected'), event('credential.refreshed')];
      await store.change(own, () => ({ result: 0, record: begun(own), events, isNews: true }));
      expect(await opened.actions(tenantId)).toEqual(['credential.connected', 'credential.refreshed']);
      expect(await opened.announcements(tenantId)).toBe(1);
      expect(await opened.announcements(foreign.tenantId)).toBe(0);
    });

    it('lists a server’s own, those that have changed last first', async () => {
      const keys = ['f1', 'f2', 'f3'].map((fingerprint) => ({ ...own, fingerprint }));
      for (const [at, key] of keys.entries()) await store.change(key, set(begun(key, { updatedAt: 1_000 + at })));
      const other = { ...own, serverId: serverId('crm2') };
      await store.change(other, set(begun(other)));
      const listed = await store.list(own, 2);
      expect(listed.map(({ record }) => record.key.fingerprint)).toEqual(['f3', 'f2']);
      expect(await store.list(own, 10)).toHaveLength(3);
    });

    it('lists those of some principals, and what all share, however many others have', async () => {
      const [ann, bob] = ['ann', 'bob'].map((name) => ({ ...own, principalId: principalId(name) }));
      const keys = [own, ann!, bob!, { ...own, kind: 'client' as const }];
      for (const [at, key] of keys.entries()) await store.change(key, set(begun(key, { updatedAt: 1_000 + at })));
      const listed = async (...of: (PrincipalId | null)[]) =>
        (await store.list({ ...own, of }, 1)).map(({ record }) => record.key.principalId ?? null);
      expect(await listed(null)).toEqual([null]);
      expect(await listed(null, ann!.principalId)).toEqual(['ann']);
      expect(await listed(principalId('eve'))).toEqual([]);
      expect(await store.list(own, 10)).toHaveLength(3);
    });

    it('marks what there is to send: another generation and another state are other marks, a claim is none', async () => {
      const ids = [credentialId(own), 'unknown'];
      const mark = async (more: Partial<CredentialRecord>) => {
        await store.change(own, set(begun(own, more)));
        const marks = await store.marks(own.tenantId, ids);
        expect([...marks.keys()]).toEqual([ids[0]]);
        return marks.get(ids[0]!);
      };
      const first = await mark({});
      expect(await mark({ claim: { id: 'c', leaseUntil: 5 }, attempts: 2 })).toBe(first);
      const others = [await mark({ stamp: 's2' }), await mark({ state: 'reauth_required' })];
      expect(new Set([first, ...others]).size).toBe(3);
    });

    it('takes what fits, once, and records and announces it', async () => {
      const ann = { ...own, principalId: principalId('ann') };
      const client = { ...own, kind: 'client' } as const;
      const erp = { ...own, serverId: serverId('erp') };
      for (const key of [own, ann, client, erp]) await store.change(key, set(begun(key)));
      const take = (which: Parameters<TokenStore['take']>[0]) => store.take(which, () => event('credential.revoked'));
      const { tenantId } = own;
      expect((await take({ tenantId, principalId: ann.principalId })).map(({ key }) => key)).toEqual([ann]);
      expect((await take({ tenantId, serverId: own.serverId, kind: 'client' })).map(({ key }) => key)).toEqual([
        client,
      ]);
      expect((await take({ tenantId, issuer: 'https://unknown.example' })).map(({ key }) => key)).toEqual([]);
      const rest = await take({ tenantId });
      expect(rest.map(({ key }) => key.serverId).sort()).toEqual(['crm', 'erp']);
      expect(rest[0]).toEqual(begun(rest[0]!.key));
      expect(await take({ tenantId })).toEqual([]);
      expect(await store.read(own)).toBeUndefined();
      expect(await store.marks(tenantId, [credentialId(own)])).toEqual(new Map());
      expect(await store.list(own, 10)).toEqual([]);
      expect(await opened.actions(tenantId)).toEqual(Array(4).fill('credential.revoked'));
      expect(await opened.announcements(tenantId)).toBeGreaterThanOrEqual(3);
    });

    it('takes what an issuer has given, under its own name or at an address below it', async () => {
      const from = own.issuer;
      const issuers = [from, `${from}/oauth/token`, `${from}.evil.example`, `${from}x/token`];
      for (const issuer of issuers) await store.change({ ...own, issuer }, set(begun({ ...own, issuer })));
      const taken = await store.take({ tenantId: own.tenantId, from }, () => event('credential.revoked'));
      expect(taken.map(({ key }) => key.issuer).sort()).toEqual(issuers.slice(0, 2));
    });

    it('takes those of other fingerprints, and those that rest', async () => {
      const { tenantId, serverId: server } = own;
      const hourAgo = Date.now() - 3_600_000;
      const of = (fingerprint: string, updatedAt: number) => {
        const key = { ...own, fingerprint };
        return store.change(key, set(begun(key, { updatedAt })));
      };
      await of('present', hourAgo);
      await of('former', hourAgo);
      await of('late', Date.now());
      await of('client', hourAgo);
      const erp = { ...own, serverId: serverId('erp') };
      await store.change(erp, set(begun(erp, { updatedAt: Date.now() })));
      expect(await store.resting(tenantId, 1_800_000)).toEqual([server]);
      expect(await store.resting(tenantId, 7_200_000)).toEqual([]);
      expect(await store.resting(foreign.tenantId, 0)).toEqual([]);
      const take = async (more: object) => {
        const taken = await store.take({ tenantId, serverId: server, ...more }, () => event('x'));
        return taken.map(({ key }) => key.fingerprint);
      };
      expect(await take({ but: ['present', 'client'], restingMs: 1_800_000 })).toEqual(['former']);
      expect(await take({ but: ['present', 'client'] })).toEqual(['late']);
      expect((await take({ but: [] })).sort()).toEqual(['client', 'present']);
      expect(await store.read(erp)).toBeDefined();
    });

    it('lets nobody bring back what was taken, and removes it and not what was put in its place', async () => {
      const other = { ...own, fingerprint: 'f2' };
      for (const key of [own, other]) await store.change(key, set(begun(key)));
      const { claim } = claimed(await ask(own, 's1'));
      const taken = await store.take({ tenantId: own.tenantId }, () => event('credential.revoked'));
      expect(taken.map(({ key }) => key.fingerprint).sort()).toEqual(['f1', 'f2']);
      // A renewal that was under way comes too late.
      const late = { id: claim.id, stamp: 's1', sealed: 'late', ageMs: 0 };
      expect(await store.change(own, (look) => keeping(look, late))).toBe('gone');
      await store.change(own, set(begun(own, { stamp: 'anew', generation: 3 })));
      await store.discard(own.tenantId, [own, other]);
      expect((await store.read(own))?.record).toEqual(begun(own, { stamp: 'anew', generation: 3 }));
      expect(await store.take(other, () => event('x'))).toEqual([]);
      expect(await store.list(own, 10)).toHaveLength(1);
    });

    it('gives what is taken to exactly one of many', async () => {
      const keys = Array.from({ length: 12 }, (_, at) => ({ ...own, fingerprint: `f${at}` }));
      for (const key of keys) await store.change(key, set(begun(key)));
      const taking = Array.from({ length: 4 }, () => store.take({ tenantId: own.tenantId }, () => event('x')));
      const taken = (await Promise.all(taking)).flat().map(({ key }) => key.fingerprint);
      expect(taken.sort()).toEqual(keys.map(({ fingerprint }) => fingerprint).sort());
    });

    it('lets exactly one of many claim, and only the present claim be kept', async () => {
      await store.change(own, set(begun(own)));
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => ask(own, 's1')));
      const won = outcomes.filter((outcome) => outcome !== 'missed');
      expect(won).toHaveLength(1);
      const { claim, record } = claimed(won[0]!);
      const { now } = (await store.read(own))!;
      expect(claim.leaseUntil - now).toBeGreaterThan(LEASE_MS - 10_000);
      expect(record.claim).toBeUndefined();
      const renewed = { id: claim.id, stamp: 's1', sealed: 'newer', ageMs: 0, lifetimeMs: 5_000 };
      const kept = await Promise.all(
        Array.from({ length: 4 }, () => store.change(own, (look) => keeping(look, renewed))),
      );
      expect(kept).toEqual(Array(4).fill('stored'));
      expect((await store.read(own))?.record).toMatchObject({ generation: 2, stamp: claim.id, sealed: 'newer' });
      expect(await store.change(own, (look) => keeping(look, { ...renewed, id: randomUUID() }))).toBe('moved');
      expect(await opened.actions(own.tenantId)).toEqual(['credential.refreshed']);
    });

    it('lets exactly one of many claim what nobody has had before', async () => {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => ask(own)));
      expect(outcomes.filter((outcome) => outcome !== 'missed')).toHaveLength(1);
    });

    it('keeps the answer of nobody whose credential was removed, or put anew, meanwhile', async () => {
      await store.change(own, set(begun(own)));
      const { claim } = claimed(await ask(own, 's1'));
      const renewed = { id: claim.id, stamp: 's1', sealed: 'late', ageMs: 0 };
      await store.take(own, () => event('credential.revoked'));
      expect(await store.change(own, (look) => keeping(look, renewed))).toBe('gone');
      const given = { key: own, id: 'p1', sealed: 'consented', generation: 1, event: event('credential.connected') };
      expect(await store.change(own, (look) => putting(look, given))).toBe(true);
      expect(await store.change(own, (look) => keeping(look, renewed))).toBe('moved');
      expect((await store.read(own))?.record.sealed).toBe('consented');
    });

    it('gives a credential once more to whoever takes it a minute later, unless it was removed', async () => {
      const other = { ...own, fingerprint: 'f2' };
      for (const key of [own, other]) await store.change(key, set(begun(key)));
      const take = async () => (await store.take({ tenantId: own.tenantId }, () => event('x'))).map(({ key }) => key);
      expect(await take()).toHaveLength(2);
      await store.discard(own.tenantId, [own]);
      await opened.pass(own.tenantId, TAKEN_MS - 5_000);
      expect(await take()).toEqual([]);
      await opened.pass(own.tenantId, 5_000);
      expect(await take()).toEqual([other]);
    });

    it('shows one tenant nothing of another one, and lets it change and take nothing', async () => {
      await store.change(foreign, set(begun(foreign, { stamp: 'another' })));
      expect(await store.read(own)).toBeUndefined();
      expect(await store.list(own, 10)).toEqual([]);
      expect(await store.marks(own.tenantId, [credentialId(foreign)])).toEqual(new Map());
      expect(await store.take({ tenantId: own.tenantId }, () => event('x'))).toEqual([]);
      const seen = await store.change(own, ({ record }) => ({ result: record, record: begun(own) }));
      expect(seen).toBeUndefined();
      const { claim, record } = claimed(await ask(own, 's1'));
      const outcome = { claim, record, isTakeover: false };
      const failure = { kind: 'grant', code: 'invalid_grant' } as const;
      expect(await store.change(own, (look) => failing(look, outcome, failure))).toBe(true);
      expect((await store.read(foreign))?.record).toEqual(begun(foreign, { stamp: 'another' }));
      expect(await opened.actions(foreign.tenantId)).toEqual([]);
    });
  });
}
