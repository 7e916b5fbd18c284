import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import {
  type OpenDatabase,
  type OpenKeyRing,
  asSuperuser,
  createTenant,
  describeOnEveryDatabase,
  openChangeFeed,
  openKeyRing,
  openPostgresDatabase,
  randomKeys,
  ringOf,
  until,
} from '../../testing/index.js';
import {
  KeyDroppedError,
  KeyInUseError,
  KeyNotEverywhereError,
  RingKeyUnknownError,
  KeysLeftError,
} from '../persistence.errors.js';
import { KeyRing } from '../sealing/key-ring.js';

const quiet = (): void => undefined;
const place = (tenantId: TenantId) => ({ tenantId, table: 'servers', row: 'crm', field: 'auth.token', generation: 1 });

interface Sealed {
  readonly tenant: TenantId;
  readonly value: string;
}

async function sealFor(db: OpenDatabase, { sealer }: OpenKeyRing, count: number): Promise<Sealed[]> {
  const sealed: Sealed[] = [];
  for (let n = 0; n < count; n += 1) {
    const tenant = await createTenant(db.database);
    sealed.push({ tenant, value: await sealer.seal(place(tenant), `secret of ${tenant}`) });
  }
  return sealed;
}

async function expectAllOpen({ sealer }: OpenKeyRing, sealed: readonly Sealed[]): Promise<void> {
  for (const { tenant, value } of sealed) expect(await sealer.open(place(tenant), value)).toBe(`secret of ${tenant}`);
}

describeOnEveryDatabase('key rotation', (open) => {
  let db: OpenDatabase;
  let directory: string;
  let file: string;
  beforeEach(async () => {
    db = await open();
    directory = mkdtempSync(join(tmpdir(), 'mcpc-rotation-'));
    file = join(directory, 'keys');
  });
  afterEach(async () => {
    await db.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const onFile = () => openKeyRing(db.database, { file });
  const onKeys = (keys: string) => openKeyRing(db.database, { ring: ringOf(keys), file: '' });
  const idsInFile = () => (KeyRing.parse(readFileSync(file, 'utf8')) as KeyRing).ids;

  it('makes a new key in a file, re-wraps everything, and opens everything with that key alone', async () => {
    const ring = await onFile();
    const old = ring.keys.ring.activeId;
    const sealed = await sealFor(db, ring, 7);
    expect(await ring.rotation.status()).toEqual({ active: old, sealed: { [old]: 7 } });
    const told: string[] = [];
    const rotated = await ring.rotation.rotate((line) => told.push(line));
    const { active } = rotated;
    expect(rotated).toEqual({ active, added: active, rewrapped: 7, sealed: { [active]: 7, [old]: 0 } });
    expect(idsInFile()).toEqual([active, old]);
    expect(told.join('\n')).toContain('7 of 7 keys re-wrapped');
    expect(await ring.rotation.drop(old)).toEqual({ active, sealed: { [active]: 7 }, isRemoved: true });
    expect(idsInFile()).toEqual([active]);
    await expectAllOpen(await onFile(), sealed);
  });

  it('re-wraps data keys that no longer seal, too, and leaves them what they are', async () => {
    const ring = await onFile();
    const [{ tenant, value }] = (await sealFor(db, ring, 1)) as [Sealed];
    const first = (await db.dataKeys.readActive(tenant))!;
    await db.database.inTenant(tenant, (tx) => tx.execute('UPDATE data_keys SET retired_at = now()'));
    ring.sealer.forget(tenant);
    const second = await ring.sealer.seal(place(tenant), 'under the second');
    expect(await ring.rotation.rotate(quiet)).toMatchObject({ rewrapped: 2 });
    expect((await db.dataKeys.read(tenant, first.id))!.createdAt).toEqual(first.createdAt);
    const fresh = await onFile();
    await expectAllOpen(fresh, [{ tenant, value }]);
    expect(await fresh.sealer.open(place(tenant), second)).toBe('under the second');
    expect([value, second].map((each) => each.split('.')[2])).toEqual([
      first.id,
      (await db.dataKeys.readActive(tenant))!.id,
    ]);
  });

  it('wraps everything with the first key of a ring that the environment spells', async () => {
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    const sealed = await sealFor(db, await onKeys(k1), 3);
    const ring = await onKeys(`${k2},${k1}`);
    expect(await ring.rotation.makesKeys()).toBe(false);
    expect(await ring.rotation.rotate(quiet)).toEqual({ active: 'k2', rewrapped: 3, sealed: { k2: 3, k1: 0 } });
    expect(await ring.rotation.rotate(quiet)).toEqual({ active: 'k2', rewrapped: 0, sealed: { k2: 3, k1: 0 } });
    expect(await ring.rotation.drop('k1')).toMatchObject({ isRemoved: false });
    await expectAllOpen(await onKeys(k2), sealed);
  });

  it('drops no key that seals, that wraps something, or that is not there', async () => {
    const [k1, k2, k3] = [randomKeys('k1'), randomKeys('k2'), randomKeys('k3')];
    const ring = await onKeys(`${k1},${k3}`);
    await sealFor(db, ring, 1);
    await expect(ring.rotation.drop('k1')).rejects.toThrow(KeyInUseError);
    await expect(ring.rotation.drop('k9')).rejects.toThrow(RingKeyUnknownError);
    const after = await onKeys(`${k2},${k1},${k3}`);
    await expect(after.rotation.drop('k1')).rejects.toThrow('it wraps 1 keys');
    await after.rotation.drop('k3');
  });

  it('refuses what would still be wrapped with a dropped key, and takes it back with a ring that has it', async () => {
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    const stale = await onKeys(k1);
    await (await onKeys(`${k2},${k1}`)).rotation.drop('k1');
    await expect(sealFor(db, stale, 1)).rejects.toThrow(KeyDroppedError);
    await sealFor(db, await onKeys(`${k1},${k2}`), 1);
  });

  it('leaves a wrapped key that does not open, tells which, and ends with an error', async () => {
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    const sealed = await sealFor(db, await onKeys(k1), 3);
    const damaged = sealed[1]!.tenant;
    await db.database.inTenant(damaged, (tx) =>
      tx.execute(`UPDATE data_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)`),
    );
    const ring = await onKeys(`${k2},${k1}`);
    await expect(ring.rotation.rotate(quiet)).rejects.toThrow(KeysLeftError);
    expect((await ring.rotation.status()).sealed).toEqual({ k2: 2, k1: 1 });
    await expect(ring.rotation.drop('k1')).rejects.toThrow(KeyInUseError);
    expect(ring.lines.find((line) => line.includes('does not open'))).toContain(damaged);
  }, 60_000);
});

describe('key rotation with several processes', () => {
  const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
  let db: OpenDatabase;
  let directory: string;
  const opened: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    db = await openPostgresDatabase();
    directory = mkdtempSync(join(tmpdir(), 'mcpc-rotation-'));
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await db.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const open = async (name: string): Promise<OpenKeyRing> => {
    const ring = await openKeyRing(db.database, { file: join(directory, name), isGiven: true });
    opened.push(ring);
    return ring;
  };
  const serve = async (name: string): Promise<OpenKeyRing> => {
    const ring = await open(name);
    ring.keys.follow();
    opened.push(await openChangeFeed(db.config, { keys: ring.file }));
    return ring;
  };

  it('waits until every process seals with the new key, and re-wraps nothing where one does not', async () => {
    for (const name of ['shared', 'apart']) writeFileSync(join(directory, name), k1);
    const [one, apart] = [await serve('shared'), await serve('apart')];
    const sealed = await sealFor(db, one, 5);
    const command = await open('shared');
    const error = await command.rotation.rotate(quiet, 3_000).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(KeyNotEverywhereError);
    expect((await command.rotation.status()).sealed).toMatchObject({ k1: 5 });
    writeFileSync(join(directory, 'apart'), readFileSync(join(directory, 'shared')));
    expect(await command.rotation.rotate(quiet)).toMatchObject({ rewrapped: 5 });
    for (const ring of [one, apart]) await expectAllOpen(ring, sealed);
  });

  it('finishes what was broken off instead of making one more key', async () => {
    writeFileSync(join(directory, 'keys'), k1);
    const ring = await open('keys');
    const sealed = await sealFor(db, ring, 300);
    const error = new Error('as if the process had been killed');
    const broken = ring.rotation.rotate((line) => {
      if (line.startsWith('250 of')) throw error;
    });
    await expect(broken).rejects.toThrow(error);
    const again = await open('keys');
    expect(Object.values((await again.rotation.status()).sealed)).toEqual([250, 50]);
    const finished = await again.rotation.rotate(quiet);
    expect(finished).toMatchObject({ rewrapped: 50 });
    expect(finished).not.toHaveProperty('added');
    expect(again.keys.written.ids).toHaveLength(2);
    await expectAllOpen(await open('keys'), sealed);
  });

  it('re-wraps by itself in processes that serve, each key once', async () => {
    writeFileSync(join(directory, 'keys'), k1);
    const rings = [await serve('keys'), await serve('keys')];
    const sealed = await sealFor(db, rings[0]!, 300);
    for (const { background } of rings) background.begin();
    writeFileSync(join(directory, 'keys'), `${k2},${k1}`);
    const reports = () => rings.flatMap(({ lines }) => lines.filter((line) => line.includes('keys were re-wrapped')));
    await until(() => reports().length > 0, 'everything to be re-wrapped', 30_000);
    expect((await rings[0]!.stores.count()).get('k2')).toBe(300);
    const rewrapped = () =>
      reports().reduce((sum, line) => sum + (JSON.parse(line) as { rewrapped: number }).rewrapped, 0);
    await until(() => rewrapped() === 300, 'the last one to tell', 10_000);
    await expectAllOpen(rings[1]!, sealed);
  }, 60_000);

  it('leaves rows that somebody has locked to the next pass, and waits for none', async () => {
    writeFileSync(join(directory, 'keys'), `${k1}`);
    const ring = await open('keys');
    const sealed = await sealFor(db, ring, 4);
    const name = new URL((db.config as { url: string }).url).pathname.slice(1);
    await asSuperuser(async (admin) => {
      await admin.query('BEGIN');
      await admin.query('SELECT FROM data_keys WHERE tenant_id = $1 FOR UPDATE', [sealed[2]!.tenant]);
      const rotating = ring.rotation.rotate(quiet);
      await until(async () => (await ring.stores.count()).get('k1') === 1, 'the others to be re-wrapped');
      await admin.query('COMMIT');
      expect(await rotating).toMatchObject({ rewrapped: 4 });
    }, name);
    await expectAllOpen(ring, sealed);
  });

  it('lets no key be dropped between the wrapping of a new data key and its commit', async () => {
    writeFileSync(join(directory, 'keys'), `${k1}`);
    const stale = await open('keys');
    writeFileSync(join(directory, 'keys'), `${k2},${k1}`);
    const command = await open('keys');
    const name = new URL((db.config as { url: string }).url).pathname.slice(1);
    const tenant = await createTenant(db.database);
    await asSuperuser(async (admin) => {
      await admin.query('BEGIN');
      await admin.query('LOCK TABLE data_keys IN SHARE MODE'); // the insert waits, with its key held
      const sealing = stale.sealer.seal(place(tenant), 'late');
      await until(
        async () => (await admin.query('SELECT FROM pg_locks WHERE NOT granted')).rowCount! > 0,
        'the insert',
      );
      const dropping = command.rotation.drop('k1');
      await until(async () => (await admin.query('SELECT FROM pg_locks WHERE NOT granted')).rowCount! > 1, 'the drop');
      await admin.query('COMMIT');
      const value = await sealing;
      await expect(dropping).rejects.toThrow('it wraps 1 keys');
      expect(await command.sealer.open(place(tenant), value)).toBe('late');
    }, name);
    await sealFor(db, stale, 1); // the refused drop was taken back
  });
});
