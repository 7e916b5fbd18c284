import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { DatabaseUnavailableError, type Sealer } from '#persistence';
import { openMemorySealer, until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenKeeper, keeperOn } from '../testing/keeper-on.js';
import { FickleTokenStore } from '../testing/fickle-token-store.js';
import { StrictIssuer } from '../testing/strict-issuer.js';
import { type TokenKey, type TokenSet, credentialPlace } from './token-key.js';

const key: TokenKey = {
  tenantId: tenantId('00000000-0000-4000-8000-00000000000a'),
  serverId: serverId('crm'),
  kind: 'token',
  issuer: 'https://issuer.example',
  fingerprint: 'f',
};
const HOUR = 3_600_000;

describe('what the store does not take', () => {
  let now: number;
  let sealer: Sealer;
  let store: FickleTokenStore;
  let issuer: StrictIssuer;
  let journalDir: string;
  let lines: string[];
  let one: OpenKeeper;
  const clock = { now: () => now };
  const process = (): OpenKeeper => keeperOn({ store, sealer, clock, journalDir, onLog: (line) => lines.push(line) });
  const files = async () => (await readdir(journalDir).catch(() => [])).filter((name) => name.endsWith('.json'));
  /** The store goes away while the issuer answers. */
  const renew = async (previous: TokenSet | undefined): Promise<TokenSet> => {
    const tokens = await issuer.renew(previous);
    store.isAway = true;
    return tokens;
  };
  const stored = async () => (await store.read(key))!.record;

  beforeEach(async () => {
    now = 1_795_000_000_000;
    lines = [];
    sealer = await openMemorySealer(clock);
    store = new FickleTokenStore(clock);
    issuer = new StrictIssuer({ expiresInSeconds: 3600 });
    journalDir = join(await mkdtemp(join(tmpdir(), 'mcpc-journal-')), 'journal');
    one = process();
    await one.keeper.put(key, issuer.grant(), SYSTEM);
    now += HOUR;
  });
  afterEach(async () => {
    store.isAway = false;
    store.refused = undefined;
    store.hanging = undefined;
    await one.lifecycle.onApplicationShutdown();
    await rm(join(journalDir, '..'), { recursive: true, force: true });
  });

  it('is used at once, lies sealed on disk, and is stored when the store is back', async () => {
    const live = await one.keeper.current(key, renew);
    expect(live.generation).toBe(2);
    expect(await one.keeper.current(key, renew)).toEqual(live);
    expect(await one.keeper.find(key)).toEqual(live);
    const [name] = await files();
    const path = join(journalDir, name!);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain(live.tokens.accessToken);
    expect(text).not.toContain(live.tokens.refreshToken);

    store.isAway = false;
    now += 60_000;
    await until(async () => (await stored()).generation === 2, 'the commit', 5_000);
    await until(async () => (await files()).length === 0, 'the end of the entry', 5_000);
    expect((await stored()).expiresAt).toBe(now - 60_000 + HOUR); // from when it was received
    expect(issuer.requests).toHaveLength(1);
    expect(await process().keeper.current(key, renew)).toMatchObject({ tokens: live.tokens, generation: 2 });
  });

  it('is found for as long as the store is away', async () => {
    const live = await one.keeper.current(key, renew);
    now += 10 * 60_000; // what is only kept in memory is not given for so long
    expect(await one.keeper.find(key)).toEqual(live);
  });

  it('is brought in by the next start when the process has died meanwhile', async () => {
    const live = await one.keeper.current(key, renew);
    const next = process();
    store.isAway = false;
    await next.lifecycle.onModuleInit();
    expect(await stored()).toMatchObject({ generation: 2, state: 'live' });
    expect(await files()).toEqual([]);
    expect((await next.keeper.current(key, renew)).tokens).toEqual(live.tokens);
    expect(issuer.requests).toHaveLength(1);
    expect(store.events.map(({ event }) => event.action)).toEqual(['credential.connected', 'credential.refreshed']);
  });

  it('waits for the next start but one where the store is still away', async () => {
    await one.keeper.current(key, renew);
    const next = process();
    await next.lifecycle.onModuleInit();
    expect(await files()).toHaveLength(1);
    store.isAway = false;
    await until(async () => (await stored()).generation === 2, 'the commit', 5_000);
    await next.lifecycle.onApplicationShutdown();
  });

  it('wins over a refusal of the grant that it has replaced', async () => {
    await one.keeper.current(key, renew);
    store.isAway = false;
    await store.change(key, ({ record }) => {
      const { claim: _, ...free } = record!; // as a process that took over and knew no better has left it
      return { result: 0, record: { ...free, state: 'reauth_required', lastError: 'rotation_lost' } };
    });
    await until(async () => (await stored()).state === 'live', 'the commit', 5_000);
    expect(await stored()).toMatchObject({ generation: 2 });
  });

  it('never replaces what was put meanwhile, and comes back in no other credential', async () => {
    await one.keeper.current(key, renew);
    store.isAway = false;
    const other = process();
    const consented = await other.keeper.put(key, { accessToken: 'consented' }, SYSTEM);
    await until(async () => (await files()).length === 0, 'the end of the entry', 5_000);
    expect((await process().keeper.find(key))?.tokens).toEqual(consented.tokens);
    expect(await stored()).toMatchObject({ generation: 2 });
  });

  it('is never asked for a second time, whatever is refused', async () => {
    const { generation } = await one.keeper.current(key, renew);
    await expect(one.keeper.current(key, renew, { refused: generation })).rejects.toThrow(DatabaseUnavailableError);
    now += HOUR;
    await expect(one.keeper.current(key, renew)).rejects.toThrow(DatabaseUnavailableError);
    expect(issuer.requests).toHaveLength(1);
  });

  it('is handed over with what is taken, and not stored afterwards', async () => {
    const { tokens } = await one.keeper.current(key, renew);
    store.isAway = false;
    const taken = await one.keeper.take({ tenantId: key.tenantId }, SYSTEM);
    expect(taken).toEqual([{ key, tokens }]);
    expect(await files()).toEqual([]);
  });

  it('is in memory alone where nothing can be written, which is told', async () => {
    await writeFile(journalDir, 'no directory');
    const live = await one.keeper.current(key, renew);
    expect(lines.join()).toContain('in memory alone');
    expect(lines.join()).not.toContain(live.tokens.accessToken);
    store.isAway = false;
    await until(async () => (await stored()).generation === 2, 'the commit', 5_000);
  });

  it('is handed out within a second or two when the store hangs', async () => {
    let release: () => void = () => undefined;
    const hang = async (previous: TokenSet | undefined): Promise<TokenSet> => {
      const tokens = await issuer.renew(previous);
      store.hanging = new Promise((resolve) => (release = resolve));
      return tokens;
    };
    const begun = performance.now();
    expect((await one.keeper.current(key, hang)).generation).toBe(2);
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(await files()).toHaveLength(1);
    store.hanging = undefined;
    release();
    await until(async () => (await files()).length === 0, 'the end of the entry', 5_000);
    expect(await stored()).toMatchObject({ generation: 2 });
  });

  it('leaves alone what it cannot read in the journal, tells of it, and brings in the rest', async () => {
    await one.keeper.current(key, renew);
    const broken = `${randomUUID()}.json`;
    await writeFile(join(journalDir, broken), '{"key":');
    await writeFile(join(journalDir, 'notes.txt'), 'of somebody');
    store.isAway = false;
    await process().lifecycle.onModuleInit();
    expect(await stored()).toMatchObject({ generation: 2 });
    expect(await files()).toEqual([broken]);
    expect(lines.join()).toContain(broken);
  });

  describe('of a person', () => {
    const consented = { accessToken: 'consented-access', refreshToken: 'consented-refresh' };
    const putAway = async () => {
      store.isAway = true;
      const live = await one.keeper.put(key, consented, SYSTEM);
      store.isAway = false;
      return live;
    };

    it('is used at once, lies sealed on disk, and is stored when the store is back', async () => {
      const live = await putAway();
      expect(live.tokens).toMatchObject(consented);
      expect(await one.keeper.current(key, renew)).toEqual(live);
      expect(await readFile(join(journalDir, (await files())[0]!), 'utf8')).not.toContain('consented-');
      await until(async () => (await stored()).generation === 2, 'the commit', 5_000);
      await until(async () => (await files()).length === 0, 'the end of the entry', 5_000);
      expect(await process().keeper.find(key)).toEqual({ ...live, generation: 2 });
      expect(store.events.map(({ event }) => event.action)).toEqual(['credential.connected', 'credential.connected']);
      expect(issuer.requests).toHaveLength(0);
    });

    it('is brought in by the next start when the process has died meanwhile, whatever was refused', async () => {
      const { tokens } = await putAway();
      await store.change(key, ({ record }) => ({ result: 0, record: { ...record!, state: 'reauth_required' } }));
      const next = process();
      await next.lifecycle.onModuleInit();
      expect(await stored()).toMatchObject({ generation: 2, state: 'live' });
      expect((await next.keeper.find(key))?.tokens).toEqual(tokens);
      expect(await files()).toEqual([]);
    });

    it('never replaces what a person has given later', async () => {
      await putAway();
      now += 1;
      const other = process();
      const later = await other.keeper.put(key, { accessToken: 'later' }, SYSTEM);
      await until(async () => (await files()).length === 0, 'the end of the entry', 5_000);
      expect((await process().keeper.find(key))?.tokens).toEqual(later.tokens);
      expect(await stored()).toMatchObject({ generation: 2 });
    });
  });

  describe('of several tenants', () => {
    const foreign = { ...key, tenantId: tenantId('00000000-0000-4000-8000-00000000000b') };
    const waiting = (of: TokenKey, n: number) =>
      one.unsettled.keep({
        ...{ key: of, id: randomUUID(), stamp: `s${n}`, receivedAt: now },
        live: { tokens: { accessToken: `token-${n}` }, generation: 2 },
      });

    it('holds up nothing of another one', async () => {
      await one.keeper.put(foreign, { ...issuer.grant(), expiresInSeconds: 1 }, SYSTEM);
      now += 1_000;
      await one.keeper.current(key, (previous) => ((store.refused = key.tenantId), issuer.renew(previous)));
      await one.keeper.current(foreign, renew);
      store.isAway = false;
      const isStored = async () => (await store.read(foreign))?.record.generation === 2;
      await until(isStored, 'the commit', 2_000);
      expect(await stored()).toMatchObject({ generation: 1 });
    });

    it('puts out that of whoever has most of it', async () => {
      await writeFile(journalDir, 'no directory');
      store.isAway = true;
      await waiting(foreign, 0);
      const others = Array.from({ length: 1_000 }, (_, n) => waiting({ ...key, fingerprint: `f${n + 1}` }, n + 1));
      await Promise.all(others);
      expect(one.unsettled.find(credentialPlace(foreign))).toBeDefined();
      expect(one.unsettled.find(credentialPlace({ ...key, fingerprint: 'f1' }))).toBeUndefined();
      expect(one.unsettled.find(credentialPlace({ ...key, fingerprint: 'f2' }))).toBeDefined();
    });
  });

  it('fills no disk', async () => {
    await one.keeper.current(key, renew);
    await Promise.all(Array.from({ length: 1_000 }, () => writeFile(join(journalDir, `${randomUUID()}.json`), '{}')));
    const other = { ...key, fingerprint: 'other' };
    store.isAway = false;
    await one.keeper.put(other, { ...issuer.grant(), expiresInSeconds: 1 }, SYSTEM);
    now += 1_000;
    const before = (await files()).length;
    await one.keeper.current(other, renew);
    expect((await files()).length).toBeLessThanOrEqual(before);
    expect(lines.join()).toContain('in memory alone');
  });
});
