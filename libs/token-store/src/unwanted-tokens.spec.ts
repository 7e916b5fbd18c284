import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import type { Sealer } from '#persistence';
import { openMemorySealer, until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenKeeper, keeperOn } from '../testing/keeper-on.js';
import { FickleTokenStore } from '../testing/fickle-token-store.js';
import { StrictIssuer } from '../testing/strict-issuer.js';
import type { TakenCredential } from './credential-administration.js';
import type { TokenKey, TokenSet } from './token-key.js';

const key: TokenKey = {
  tenantId: tenantId('00000000-0000-4000-8000-00000000000a'),
  serverId: serverId('crm'),
  kind: 'token',
  issuer: 'https://issuer.example',
  fingerprint: 'f',
};
const HOUR = 3_600_000;

describe('what comes for a credential that was taken meanwhile', () => {
  let now: number;
  let sealer: Sealer;
  let store: FickleTokenStore;
  let issuer: StrictIssuer;
  let journalDir: string;
  let one: OpenKeeper;
  let revoked: TakenCredential[];
  const clock = { now: () => now };
  const noting = async (taken: TakenCredential) => void revoked.push(taken);
  const process = (): OpenKeeper => keeperOn({ store, sealer, clock, journalDir });
  /** What another process does while the issuer answers. */
  const whileAsked = (deed: () => Promise<unknown>) => async (previous: TokenSet | undefined) => {
    const tokens = await issuer.renew(previous);
    await deed();
    return tokens;
  };
  const take = () => process().keeper.take({ tenantId: key.tenantId }, SYSTEM);
  const tokensOf = (n: number) => ({ accessToken: `access-token-${n}`, refreshToken: `refresh-token-${n}` });

  beforeEach(async () => {
    now = 1_795_000_000_000;
    revoked = [];
    sealer = await openMemorySealer(clock);
    store = new FickleTokenStore(clock);
    issuer = new StrictIssuer({ expiresInSeconds: 3600 });
    journalDir = join(await mkdtemp(join(tmpdir(), 'mcpc-unwanted-')), 'journal');
    one = process();
    one.unwanted.useRevoker(noting);
    await one.keeper.put(key, issuer.grant(), SYSTEM);
    now += HOUR;
  });
  afterEach(async () => {
    store.isAway = false;
    await one.lifecycle.onApplicationShutdown();
    await rm(join(journalDir, '..'), { recursive: true, force: true });
  });

  it('is neither stored nor used, and handed over to be revoked', async () => {
    const call = one.keeper.current(key, whileAsked(take));
    await expect(call).rejects.toMatchObject({ code: 'COMPOSER_GRANT_REFUSED', reason: 'revoked' });
    await one.unwanted.settled();
    expect(revoked).toEqual([{ key, tokens: expect.objectContaining(tokensOf(2)) }]);
    expect(await store.read(key)).toBeUndefined();
    expect(await one.keeper.find(key)).toBeUndefined();
  });

  it('is handed over where nothing was had before', async () => {
    const first = { ...key, fingerprint: 'g' };
    await expect(one.keeper.current(first, whileAsked(take))).rejects.toMatchObject({ reason: 'revoked' });
    await one.unwanted.settled();
    expect(revoked.map(({ key: of }) => of)).toEqual([first]);
  });

  it('is handed over, and another one used that a person has given meanwhile', async () => {
    const anew = async () => {
      await take();
      await process().keeper.put(key, issuer.grant(), SYSTEM);
    };
    const live = await one.keeper.current(key, whileAsked(anew));
    expect(live.tokens).toMatchObject(tokensOf(3));
    await one.unwanted.settled();
    expect(revoked).toEqual([{ key, tokens: expect.objectContaining(tokensOf(2)) }]);
  });

  it('is not handed over where the credential was only put anew: its grant may be the same', async () => {
    const live = await one.keeper.current(
      key,
      whileAsked(() => process().keeper.put(key, issuer.grant(), SYSTEM)),
    );
    expect(live.tokens).toMatchObject(tokensOf(3));
    await one.unwanted.settled();
    expect(revoked).toEqual([]);
  });

  it('is handed over when the store is back that was away when it came, and used no more', async () => {
    const away = async () => {
      await take();
      store.isAway = true;
    };
    await one.keeper.current(key, whileAsked(away)); // nobody can know yet
    expect(await one.keeper.find(key)).toBeDefined();
    store.isAway = false;
    await until(async () => revoked.length === 1, 'the hand-over', 5_000);
    expect(revoked[0]).toEqual({ key, tokens: expect.objectContaining(tokensOf(2)) });
    expect(await one.keeper.find(key)).toBeUndefined();
  });

  it('is handed over by the next process when this one has died, also before anybody can revoke it', async () => {
    await one.keeper.current(
      key,
      whileAsked(async () => void (store.isAway = true)),
    );
    await one.unsettled.stop(); // as good as dead: it tries no more
    const next = process();
    store.isAway = false;
    await store.take(key, () => ({ action: 'credential.revoked', actor: SYSTEM, target: 'server:crm' }));
    await next.lifecycle.onModuleInit();
    await next.unwanted.settled();
    const late: TakenCredential[] = [];
    next.unwanted.useRevoker(async (taken) => void late.push(taken));
    await next.unwanted.settled();
    expect(late).toEqual([{ key, tokens: expect.objectContaining(tokensOf(2)) }]);
    expect(await store.read(key)).toBeUndefined();
  });
});
