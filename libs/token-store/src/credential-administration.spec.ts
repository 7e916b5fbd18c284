import { beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import type { Sealer } from '#persistence';
import { openMemorySealer } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenKeeper, keeperOn } from '../testing/keeper-on.js';
import type { TakenCredential } from './credential-administration.js';
import { MemoryTokenStore } from './memory/memory.token-store.js';
import type { TokenKey } from './token-key.js';
import { IssuerUnavailableError } from './token-store.errors.js';
import { TAKEN_MS } from './token-store.js';

const key: TokenKey = {
  tenantId: tenantId('acme'),
  serverId: serverId('crm'),
  kind: 'token',
  issuer: 'https://issuer.example',
  fingerprint: 'f',
};
const other = { ...key, fingerprint: 'other' };

describe('credentials that are taken out of use', () => {
  let now: number;
  let sealer: Sealer;
  let store: MemoryTokenStore;
  let one: OpenKeeper;
  const clock = { now: () => now };
  const take = () => one.keeper.take({ tenantId: key.tenantId }, SYSTEM);
  const fail = async (): Promise<never> => {
    throw new Error('is away');
  };

  beforeEach(async () => {
    now = 1_795_000_000_000;
    sealer = await openMemorySealer(clock);
    store = new MemoryTokenStore(clock);
    one = keeperOn({ store, sealer, clock });
    for (const each of [key, other]) await one.keeper.put(each, { accessToken: `of ${each.fingerprint}` }, SYSTEM);
  });

  it('are all handed over when one cannot be opened for now, and that one again a minute later', async () => {
    const open = sealer.open.bind(sealer);
    sealer.open = () => ((sealer.open = open), fail());
    expect(await take()).toMatchObject([{ key }, { key: other, tokens: { accessToken: 'of other' } }]);
    expect(await one.keeper.find(key)).toBeUndefined();
    now += TAKEN_MS;
    expect(await take()).toMatchObject([{ key, tokens: { accessToken: 'of f' } }]);
    now += TAKEN_MS;
    expect(await take()).toEqual([]);
  });

  it('are kept until their issuers were told', async () => {
    const seen: (readonly TakenCredential[])[] = [];
    const revoke = async (taken: readonly TakenCredential[]) => seen.push(taken);
    await expect(one.keeper.withdraw(key, SYSTEM, fail)).rejects.toThrow('is away');
    expect(await one.keeper.standings(key)).toHaveLength(1);
    now += TAKEN_MS;
    await one.keeper.withdraw({ tenantId: key.tenantId }, SYSTEM, revoke);
    now += TAKEN_MS;
    await one.keeper.withdraw({ tenantId: key.tenantId }, SYSTEM, revoke);
    expect(seen.map((taken) => taken.map(({ key: of }) => of.fingerprint).sort())).toEqual([['f', 'other'], []]);
  });

  it('are none where nothing was had yet, which is never told of as live', async () => {
    const begun = { ...key, fingerprint: 'begun' };
    const away = async () => {
      throw new IssuerUnavailableError('http_503');
    };
    await expect(one.keeper.current(begun, away)).rejects.toThrow(IssuerUnavailableError);
    const standing = (await one.keeper.standings(key)).find(({ key: of }) => of.fingerprint === 'begun');
    expect(standing).toMatchObject({ state: 'refreshing', generation: 0, lastError: 'http_503' });
    expect((await take()).map(({ key: of }) => of.fingerprint)).toEqual(['f', 'other']);
    expect(await one.keeper.standings(key)).toEqual([]);
    now += TAKEN_MS;
    expect(await take()).toEqual([]);
  });

  it('are not lost when a later part of them cannot be taken', async () => {
    const takeSome = store.take.bind(store);
    let calls = 0;
    store.take = async (...args) => (++calls === 2 ? fail() : takeSome(...args));
    await expect(take()).rejects.toThrow('is away');
    now += TAKEN_MS;
    expect((await take()).map(({ key: of }) => of.fingerprint)).toEqual(['f', 'other']);
  });
});
