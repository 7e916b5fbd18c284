import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ComposerError, principalId, serverId, tenantId } from '#kernel';
import { SecretValues } from '#observability';
import type { Sealer } from '#persistence';
import { MemoryChangeFeed, openMemorySealer, until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenKeeper, keeperOn } from '../testing/keeper-on.js';
import { StrictIssuer } from '../testing/strict-issuer.js';
import { MemoryTokenStore } from './memory/memory.token-store.js';
import type { LiveToken, TokenKey, TokenSet } from './token-key.js';
import {
  ClientRefusedError,
  CredentialHeldError,
  GrantRefusedError,
  IssuerUnavailableError,
} from './token-store.errors.js';

const key: TokenKey = {
  tenantId: tenantId('acme'),
  serverId: serverId('crm'),
  kind: 'token',
  issuer: 'https://issuer.example/token?secret=query',
  fingerprint: 'f',
};
const HOUR = 3_600_000;

describe('a keeper', () => {
  let now: number;
  let sealer: Sealer;
  let feed: MemoryChangeFeed;
  let store: MemoryTokenStore;
  let gone: Set<number>;
  let issuer: StrictIssuer;
  let secrets: SecretValues;
  let one: OpenKeeper;
  const clock = { now: () => now };
  const process = (): OpenKeeper => keeperOn({ store, sealer, feed, clock, secrets });
  const renew = (previous: TokenSet | undefined): Promise<TokenSet> => issuer.renew(previous);
  const actions = () => store.events.map(({ event }) => event.action);
  const state = async () => (await one.keeper.standings(key))[0];

  beforeEach(async () => {
    now = 1_795_000_000_000;
    gone = new Set();
    sealer = await openMemorySealer(clock);
    feed = new MemoryChangeFeed();
    store = new MemoryTokenStore(
      clock,
      (tenant) => void feed.tell({ tenantId: tenant, topic: 'credentials' }),
      (owner) => gone.has(owner),
    );
    issuer = new StrictIssuer({ expiresInSeconds: 3600 });
    secrets = new SecretValues();
    one = process();
  });

  describe('that has nothing yet', () => {
    it('has a credential once for many callers', async () => {
      const got = await Promise.all(Array.from({ length: 50 }, () => one.keeper.current(key, renew)));
      expect(issuer.requests).toHaveLength(1);
      expect(new Set(got.map(({ tokens }) => tokens.accessToken)).size).toBe(1);
      expect(got[0]).toMatchObject({ generation: 1, expiresAt: now + HOUR });
      expect(actions()).toEqual(['credential.connected']);
    });

    it('has it once for many processes', async () => {
      const keepers = [one, process(), process()];
      issuer.delayMs = 20;
      const got = await Promise.all(
        keepers.flatMap(({ keeper }) => Array.from({ length: 10 }, () => keeper.current(key, renew))),
      );
      expect(issuer.requests).toHaveLength(1);
      expect(new Set(got.map(({ tokens }) => tokens.accessToken)).size).toBe(1);
    });

    it('tells every caller why there is none, and has nobody ask again before its time', async () => {
      issuer.failWith = () => new IssuerUnavailableError('http_503', { retryAfter: 20 });
      const got = await Promise.allSettled([1, 2, 3].map(() => one.keeper.current(key, renew)));
      expect(got.map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
      await expect(one.keeper.current(key, renew)).rejects.toMatchObject({ retryAfter: 20 });
      await expect(process().keeper.current(key, renew)).rejects.toThrow(IssuerUnavailableError);
      expect(issuer.requests).toHaveLength(1);
      issuer.failWith = undefined;
      now += 20_000;
      expect((await one.keeper.current(key, renew)).generation).toBe(1);
    });

    it('finds nothing, and does not ask', async () => {
      expect(await one.keeper.find(key)).toBeUndefined();
      expect(await one.keeper.standings(key)).toEqual([]);
      expect(issuer.requests).toHaveLength(0);
    });
  });

  describe('with a live credential', () => {
    beforeEach(async () => {
      await one.keeper.put(key, issuer.grant(), SYSTEM);
    });

    it('hands it out without asking anybody, in other processes too', async () => {
      const first = await one.keeper.current(key, renew);
      expect(await process().keeper.current(key, renew)).toEqual(first);
      expect(await process().keeper.find(key)).toEqual(first);
      expect(issuer.requests).toHaveLength(0);
    });

    it('renews it when it has expired, once for all processes', async () => {
      const keepers = [one, process(), process()];
      for (const { keeper } of keepers) await keeper.current(key, renew);
      now += HOUR;
      issuer.delayMs = 20;
      const got = await Promise.all(
        keepers.flatMap(({ keeper }) => Array.from({ length: 10 }, () => keeper.current(key, renew))),
      );
      expect(issuer.requests).toHaveLength(1);
      expect(issuer.revocations).toBe(0);
      expect(new Set(got.map(({ generation }) => generation))).toEqual(new Set([2]));
    });

    it('renews it ahead of its end in the background, and hands out the old one meanwhile', async () => {
      now += HOUR - 200_000;
      const before = await one.keeper.current(key, renew);
      expect(before.generation).toBe(1);
      await until(() => issuer.requests.length === 1, 'the renewal', 2_000);
      await until(async () => (await one.keeper.current(key, renew)).generation === 2, 'the new one', 2_000);
      expect(issuer.requests).toHaveLength(1);
    });

    it('uses it to its end when renewing ahead fails, and leaves the issuer alone in between', async () => {
      issuer.failWith = () => new IssuerUnavailableError('timeout', { retryAfter: 60 });
      now += HOUR - 200_000;
      for (let second = 0; second < 200; second += 20) {
        expect((await one.keeper.current(key, renew)).generation).toBe(1);
        await until(() => issuer.requests.length > 0, 'the first attempt', 2_000);
        now += 20_000;
      }
      expect(issuer.requests.length).toBeLessThanOrEqual(4);
      await expect(one.keeper.current(key, renew)).rejects.toThrow(IssuerUnavailableError);
    });

    it('renews short-lived ones at half of their life', async () => {
      issuer.expiresInSeconds = 5;
      const { generation } = await one.keeper.put(key, issuer.grant(), SYSTEM);
      now += 2_400;
      await one.keeper.current(key, renew);
      expect(issuer.requests).toHaveLength(0);
      now += 200;
      expect((await one.keeper.current(key, renew)).generation).toBe(generation);
      await until(() => issuer.requests.length === 1, 'the renewal', 2_000);
    });

    it('does not give a refused one again, and gives a newer one that another process has had', async () => {
      const other = process();
      one.keeper.noteAccepted(key, 1);
      await one.notes.settled();
      const second = await other.keeper.current(key, renew, { refused: 1 });
      expect(second.generation).toBe(2);
      expect(await one.keeper.current(key, renew, { refused: 1 })).toEqual(second);
      expect(issuer.requests).toHaveLength(1);
    });

    it('renews once for many refusals of the same one', async () => {
      issuer.delayMs = 20;
      const keepers = [one, process()];
      const got = await Promise.all(
        keepers.flatMap(({ keeper }) => [1, 2, 3, 4].map(() => keeper.current(key, renew, { refused: 1 }))),
      );
      expect(issuer.requests).toHaveLength(1);
      expect(got.every(({ generation }) => generation === 2)).toBe(true);
    });

    it('forgets it when it was put anew, or taken, in another process', async () => {
      const other = process();
      await other.keeper.current(key, renew);
      await one.keeper.put(key, issuer.grant(), SYSTEM);
      expect((await other.keeper.current(key, renew)).generation).toBe(2);
      await one.keeper.take({ tenantId: key.tenantId }, SYSTEM);
      expect(await other.keeper.find(key)).toBeUndefined();
      expect(actions()).toEqual(['credential.connected', 'credential.connected', 'credential.revoked']);
    });

    it('keeps nothing in memory that was taken while it was being read', async () => {
      const other = process();
      const read = store.read.bind(store);
      store.read = async (of) => {
        const sight = await read(of);
        store.read = read;
        await other.keeper.take({ tenantId: key.tenantId }, SYSTEM);
        return sight;
      };
      const late = process();
      await late.keeper.find(key);
      expect(await late.keeper.find(key)).toBeUndefined();
    });

    it('names what a person has connected through all renewals, and anew when it is connected again', async () => {
      const consentOf = async () => (await one.keeper.find(key))?.tokens.consent;
      await one.keeper.put(key, { accessToken: 'a', refreshToken: 'r', expiresInSeconds: 10 }, SYSTEM);
      const first = await consentOf();
      now += 10_000;
      await one.keeper.current(key, async () => ({ accessToken: 'b', expiresInSeconds: 10 }));
      expect(await consentOf()).toBe(first);
      await one.keeper.put(key, { accessToken: 'c' }, SYSTEM);
      expect([first, await consentOf()].every((consent) => typeof consent === 'string')).toBe(true);
      expect(await consentOf()).not.toBe(first);
    });

    it('gives nothing old between the news of a change and what the store says of it', async () => {
      const other = process();
      await other.keeper.current(key, renew);
      const marks = store.marks.bind(store);
      let between: string | undefined;
      store.marks = async (tenant, ids) => {
        store.marks = marks;
        await Promise.resolve(); // the others have heard of it by now
        between ??= (await other.keeper.current(key, renew)).tokens.accessToken;
        return marks(tenant, ids);
      };
      const consented = await one.keeper.put(key, issuer.grant(), SYSTEM);
      expect((await other.keeper.current(key, renew)).tokens).toEqual(consented.tokens);
      expect(between).toBe(consented.tokens.accessToken);
      expect(issuer.requests).toHaveLength(0);
    });

    it('gives what was read before a change to nobody who has come after it', async () => {
      const other = process();
      const read = store.read.bind(store);
      let late: Promise<LiveToken> | undefined;
      store.read = async (of) => {
        const sight = await read(of);
        store.read = read;
        await one.keeper.take({ tenantId: key.tenantId }, SYSTEM);
        late = other.keeper.current(key, renew);
        return sight;
      };
      const early = await other.keeper.current(key, renew);
      expect((await late)?.tokens).not.toEqual(early.tokens);
    });

    it('keeps refresh token and scope where the issuer does not give new ones', async () => {
      await one.keeper.put(key, { accessToken: 'a', refreshToken: 'r', scope: 's', expiresInSeconds: 10 }, SYSTEM);
      now += 10_000;
      const { tokens } = await one.keeper.current(key, async () => ({ accessToken: 'b' }));
      expect(tokens).toEqual({ accessToken: 'b', refreshToken: 'r', scope: 's', consent: expect.any(String) });
      now += 10_000; // without a new life it has that of the one before
      expect((await one.keeper.current(key, async () => ({ accessToken: 'c' }))).tokens.accessToken).toBe('c');
    });
  });

  describe('whose issuer refuses', () => {
    beforeEach(async () => {
      await one.keeper.put(key, issuer.grant(), SYSTEM);
      now += HOUR;
    });

    it('the grant: says so at once from then on, keeps what there is, and goes on after a new consent', async () => {
      issuer.failWith = () => new GrantRefusedError('invalid_grant');
      await expect(one.keeper.current(key, renew)).rejects.toThrow(GrantRefusedError);
      await expect(one.keeper.current(key, renew)).rejects.toThrow(GrantRefusedError);
      await expect(process().keeper.current(key, renew)).rejects.toThrow(GrantRefusedError);
      expect(issuer.requests).toHaveLength(1);
      expect(await state()).toMatchObject({ state: 'reauth_required', lastError: 'invalid_grant', generation: 1 });
      expect(await one.keeper.find(key)).toBeDefined();
      expect(actions().at(-1)).toBe('credential.refused');
      const fresh = await one.keeper.put(key, issuer.grant(), SYSTEM);
      expect(await process().keeper.current(key, renew)).toEqual(fresh);
      expect(await state()).toMatchObject({ state: 'live', generation: 2 });
    });

    it('the grant ahead of time: the old one serves until its end', async () => {
      issuer.failWith = () => new GrantRefusedError('invalid_grant');
      now -= 100_000;
      expect((await one.keeper.current(key, renew)).generation).toBe(1);
      await until(async () => (await state())?.state === 'reauth_required', 'the refusal', 2_000);
      expect((await process().keeper.current(key, renew)).generation).toBe(1);
      now += 100_000;
      await expect(one.keeper.current(key, renew)).rejects.toThrow(GrantRefusedError);
      expect(issuer.requests).toHaveLength(1);
    });

    it('the grant after the member: what the member has refused is not given again', async () => {
      now -= HOUR;
      issuer.failWith = () => new GrantRefusedError('invalid_grant');
      await expect(one.keeper.current(key, renew, { refused: 1 })).rejects.toThrow(GrantRefusedError);
      await expect(one.keeper.current(key, renew)).rejects.toThrow(GrantRefusedError);
      await expect(process().keeper.current(key, renew)).rejects.toThrow(GrantRefusedError);
    });

    it('the client: keeps the grant and asks once a minute', async () => {
      issuer.failWith = () => new ClientRefusedError('invalid_client');
      for (let second = 0; second < 120; second += 10) {
        await expect(one.keeper.current(key, renew)).rejects.toThrow(ClientRefusedError);
        now += 10_000;
      }
      expect(issuer.requests).toHaveLength(2);
      expect(await state()).toMatchObject({ state: 'config_error', lastError: 'invalid_client' });
      expect(actions().filter((action) => action === 'credential.refused')).toHaveLength(1);
      issuer.failWith = undefined;
      now += 60_000;
      expect((await one.keeper.current(key, renew)).generation).toBe(2);
      expect(await state()).toMatchObject({ state: 'live' });
    });

    it('nothing that it says gets into state or trail', async () => {
      issuer.failWith = () => new GrantRefusedError('Token s3cret of ann is bad');
      await expect(one.keeper.current(key, renew)).rejects.toThrow(GrantRefusedError);
      expect(await state()).toMatchObject({ lastError: 'invalid_grant' });
      expect(JSON.stringify(store.events)).not.toMatch(/s3cret|secret=query/);
      expect(store.events.at(-1)?.event.detail).toMatchObject({ issuer: 'https://issuer.example/token' });
    });

    it('not being asked at all changes nothing', async () => {
      class ConsentError extends ComposerError {}
      issuer.failWith = () => new ConsentError('COMPOSER_TEST', 'consent first', { status: 401 });
      await expect(one.keeper.current(key, renew)).rejects.toThrow(ConsentError);
      await expect(one.keeper.current(key, renew)).rejects.toThrow(ConsentError);
      expect(await state()).toMatchObject({ state: 'live' });
      expect((await state())?.lastError).toBeUndefined();
    });
  });

  describe('whose member refuses everything', () => {
    const refuse = async (generation: number) =>
      (await one.keeper.current(key, renew, { refused: generation })).generation;

    it('asks the issuer once a minute and ten times an hour at most', async () => {
      let { generation } = await one.keeper.current(key, renew);
      const asked = issuer.requests.length;
      let helds = 0;
      for (let second = 0; second < 3_540; second += 15) {
        generation = await refuse(generation).catch((error: unknown) => {
          expect(error).toBeInstanceOf(CredentialHeldError);
          helds += 1;
          return generation;
        });
        now += 15_000;
      }
      expect(issuer.requests.length - asked).toBe(10);
      expect(helds).toBe(236 - 10);
      expect(await state()).toMatchObject({ state: 'held', retryAt: expect.any(Date) });
      expect(actions().filter((action) => action === 'credential.held').length).toBeLessThanOrEqual(10);
    });

    it('renews without end what the member had taken before', async () => {
      let { generation } = await one.keeper.current(key, renew);
      for (let round = 0; round < 30; round++) {
        one.keeper.noteAccepted(key, generation);
        generation = await refuse(generation);
      }
      expect(generation).toBe(31);
    });

    it('knows from other processes what the member had taken', async () => {
      const { generation } = await one.keeper.current(key, renew);
      const other = process();
      other.keeper.noteAccepted(key, generation);
      await other.notes.settled();
      let next = await refuse(generation);
      next = await refuse(next);
      await expect(refuse(next)).rejects.toThrow(CredentialHeldError);
    });

    it('is live again as soon as the member takes one', async () => {
      const { generation } = await one.keeper.current(key, renew);
      const next = await refuse(generation);
      await expect(refuse(next)).rejects.toThrow(CredentialHeldError);
      expect((await one.keeper.current(key, renew)).generation).toBe(next);
      one.keeper.noteAccepted(key, next);
      await one.notes.settled();
      expect(await state()).toMatchObject({ state: 'live' });
      expect(await refuse(next)).toBe(next + 1);
    });
  });

  it('asks for each principal, and nobody gets another one’s', async () => {
    const [ann, bob] = ['ann', 'bob'].map((name) => ({ ...key, principalId: principalId(name) })) as [
      TokenKey,
      TokenKey,
    ];
    await one.keeper.put(ann, { accessToken: 'of ann' }, SYSTEM);
    await one.keeper.put(bob, { accessToken: 'of bob' }, SYSTEM);
    expect((await one.keeper.current(ann, renew)).tokens.accessToken).toBe('of ann');
    expect((await one.keeper.current(bob, renew)).tokens.accessToken).toBe('of bob');
    expect(await one.keeper.find(key)).toBeUndefined();
  });

  it('hands over what it takes, for revoking', async () => {
    const tokens = { accessToken: 'a-token', refreshToken: 'r-token', more: { client: { client_secret: 's3' } } };
    await one.keeper.put(key, tokens, SYSTEM);
    expect(await one.keeper.take({ tenantId: key.tenantId, serverId: key.serverId }, SYSTEM)).toEqual([
      { key, tokens: { ...tokens, consent: expect.any(String) } },
    ]);
    expect(await one.keeper.take({ tenantId: key.tenantId }, SYSTEM)).toEqual([]);
  });

  it('has every secret masked that it holds, and for a minute after', async () => {
    const tokens = {
      accessToken: 'access-abcdef',
      refreshToken: 'refresh-abcdef',
      more: { jar: [{ value: 'cookie-abcdef' }] },
    };
    await one.keeper.put(key, tokens, SYSTEM);
    const text = 'access-abcdef refresh-abcdef cookie-abcdef';
    expect(secrets.mask(text)).toBe('[secret] [secret] [secret]');
    await one.keeper.take({ tenantId: key.tenantId }, SYSTEM);
    expect(secrets.mask(text)).toBe('[secret] [secret] [secret]');
    now += 60_001;
    await one.keeper.put({ ...key, fingerprint: 'other' }, { accessToken: 'another-abcdef' }, SYSTEM);
    expect(secrets.mask(text)).toBe(text);
  });

  it('hands out a known one in microseconds', async () => {
    await one.keeper.put(key, issuer.grant(), SYSTEM);
    for (let warm = 0; warm < 2_000; warm++) await one.keeper.current(key, renew);
    const begun = performance.now();
    for (let call = 0; call < 10_000; call++) await one.keeper.current(key, renew);
    expect((performance.now() - begun) / 10_000).toBeLessThan(0.1);
  });

  it('hands out a known one without asking the store', async () => {
    await one.keeper.put(key, issuer.grant(), SYSTEM);
    await one.keeper.current(key, renew);
    const asked = [jest.spyOn(store, 'read'), jest.spyOn(store, 'change')];
    for (let call = 0; call < 1_000; call++) await one.keeper.current(key, renew);
    expect(asked.map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
    await process().keeper.current(key, renew);
    expect(asked[0]!.mock.calls.length + asked[1]!.mock.calls.length).toBeGreaterThan(0); // what asks is seen
  });

  it('begins no renewal once it stops, and waits for those under way', async () => {
    await one.keeper.put(key, issuer.grant(), SYSTEM);
    now += HOUR;
    issuer.delayMs = 50;
    const running = one.keeper.current(key, renew);
    await until(() => issuer.requests.length === 1, 'the request', 2_000);
    let isRunning = true;
    void running.finally(() => (isRunning = false));
    await one.lifecycle.onApplicationShutdown();
    expect(isRunning).toBe(false);
    now += HOUR;
    await expect(one.keeper.current(key, renew)).rejects.toThrow(/stopping/);
    expect(issuer.requests).toHaveLength(1);
  });

  describe('beside a process that has died while renewing', () => {
    beforeEach(async () => {
      await one.keeper.put(key, issuer.grant(), SYSTEM);
      now += HOUR;
    });
    const leftBehind = async (owner: number, leaseMs = 30_000) =>
      store.change(key, ({ record }) => ({
        result: 0,
        record: { ...record!, claim: { id: 'dead', owner, leaseUntil: now + leaseMs } },
      }));

    it('takes over once that is sure, and tries the old grant once', async () => {
      await leftBehind(77);
      gone.add(77);
      const begun = performance.now();
      expect((await one.keeper.current(key, renew)).generation).toBe(2);
      expect(performance.now() - begun).toBeGreaterThan(400);
      expect(issuer.requests).toHaveLength(1);
    });

    it('takes over when the lease is over, dead or not', async () => {
      await leftBehind(78, 300);
      const current = one.keeper.current(key, renew);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(issuer.requests).toHaveLength(0);
      now += 300;
      expect((await current).generation).toBe(2);
    });

    it('says that the rotation was lost where the issuer does not take the old grant any more', async () => {
      await issuer.renew((await one.keeper.find(key))!.tokens); // what the dead process had, and told nobody
      await leftBehind(79);
      gone.add(79);
      await expect(one.keeper.current(key, renew)).rejects.toMatchObject({ reason: 'rotation_lost' });
      expect(await state()).toMatchObject({ state: 'reauth_required', lastError: 'rotation_lost' });
    });
  });
});
