import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type OpenDatabase,
  type OpenKeyRing,
  createTenant,
  openChangeFeed,
  openKeyRing,
  openPostgresDatabase,
  randomKeys,
  until,
} from '../../testing/index.js';

describe('keeping the key ring', () => {
  const [k1, k2] = [randomKeys('k1'), randomKeys('k2')] as const;
  let db: OpenDatabase;
  let directory: string;
  let file: string;
  const opened: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    db = await openPostgresDatabase();
    directory = mkdtempSync(join(tmpdir(), 'mcpc-keeper-'));
    file = join(directory, 'keys');
    writeFileSync(file, k1);
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await db.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const open = async (path = file): Promise<OpenKeyRing> => {
    const ring = await openKeyRing(db.database, { file: path, isGiven: true });
    opened.push(ring);
    return ring;
  };
  /** As a process that serves: the others know its keys. */
  const serve = async (path = file): Promise<OpenKeyRing> => {
    const ring = await open(path);
    ring.keys.follow();
    opened.push(await openChangeFeed(db.config, { keys: ring.file }));
    return ring;
  };
  const seals = (ring: OpenKeyRing, id: string) => until(() => ring.keys.ring.activeId === id, `${id} to seal`, 10_000);
  const place = (tenantId: Awaited<ReturnType<typeof createTenant>>) => ({
    tenantId,
    table: 'servers',
    row: 'crm',
    field: 'auth.token',
    generation: 1,
  });

  it('takes a new ring over without a restart: its first key seals, the old one opens', async () => {
    const ring = await serve();
    const tenant = await createTenant(db.database);
    const sealed = await ring.sealer.seal(place(tenant), 'kept');
    writeFileSync(file, `${k2}\n${k1}`);
    await seals(ring, 'k2');
    ring.sealer.forget(tenant);
    expect(await ring.sealer.open(place(tenant), sealed)).toBe('kept');
    const fresh = await createTenant(db.database);
    await ring.sealer.seal(place(fresh), 'x');
    expect((await db.dataKeys.readActive(fresh))?.keyId).toBe('k2');
    expect(ring.lines.join()).toContain('key ring taken over');
  });

  it.each([
    ['half written', () => writeFileSync(file, k2.slice(0, 20))],
    ['empty', () => writeFileSync(file, '')],
    ['gone', () => unlinkSync(file)],
    ['of strangers alone', () => writeFileSync(file, k2)],
    ['with other bytes under a known id', () => writeFileSync(file, `${k2},${randomKeys('k1')}`)],
  ])('stays with the former ring while the file is %s, and says so once', async (_, spoil) => {
    const ring = await serve();
    spoil();
    const complaints = () => ring.lines.filter((line) => line.includes('key ring cannot be taken over'));
    await until(() => complaints().length > 0, 'the complaint');
    for (let n = 0; n < 5; n += 1) await ring.keys.refresh().catch(() => undefined);
    expect(ring.keys.ring.ids).toEqual(['k1']);
    writeFileSync(file, `${k2}\n${k1}\n`);
    await seals(ring, 'k2');
    expect(complaints()).toHaveLength(1);
    expect(complaints().join()).not.toContain(k2.slice(3, 20));
  });

  it('keeps a key that was taken out too early, and says so', async () => {
    writeFileSync(file, `${k1},${k2}`);
    const ring = await open();
    const tenant = await createTenant(db.database);
    const sealed = await ring.sealer.seal(place(tenant), 'kept');
    writeFileSync(file, k2);
    await ring.keys.refresh();
    expect(ring.keys.ring.ids).toEqual(['k2', 'k1']);
    ring.sealer.forget(tenant);
    expect(await ring.sealer.open(place(tenant), sealed)).toBe('kept');
    expect(ring.lines.join()).toContain('put them back');
  });

  it('lets go of a key that wraps nothing', async () => {
    writeFileSync(file, `${k1},${k2}`);
    const ring = await open();
    writeFileSync(file, k2);
    await ring.keys.refresh();
    expect(ring.keys.ring.ids).toEqual(['k2']);
  });

  it('does not seal with a key that another process cannot open with', async () => {
    const other = join(directory, 'other');
    writeFileSync(other, k1);
    const [one, two] = [await serve(), await serve(other)];
    writeFileSync(file, `${k2},${k1}`);
    await until(() => one.keys.ring.ids.includes('k2'), 'the new key to open');
    await one.keys.refresh();
    expect(one.keys.ring.ids).toEqual(['k1', 'k2']);
    const late = await open(); // as a rolling restart has it: the new process has the new ring, the old one has not
    expect(late.keys.ring.ids).toEqual(['k1', 'k2']);
    writeFileSync(other, `${k2},${k1}`);
    await seals(one, 'k2');
    await seals(two, 'k2');
  });
});
