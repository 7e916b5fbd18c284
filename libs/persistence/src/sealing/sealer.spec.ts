import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock, type TenantId, tenantId } from '#kernel';
import {
  MemoryDataKeyStore,
  MemoryDocuments,
  type OpenDatabase,
  createTenant,
  createTenantDocument,
  describeDataKeyStore,
  describeOnEveryDatabase,
  openCloudantDocuments,
  openCloudantServer,
  openDatabase,
  openEmbeddedDatabase,
  openMemorySealer,
  openPostgresDatabase,
  randomKeys,
  ringOf,
  ringProvider,
  sealerOn,
} from '../../testing/index.js';
import {
  KeyMissingError,
  NestedTransactionError,
  SealBrokenError,
  SealTooLongError,
  UnknownTenantError,
} from '../persistence.errors.js';
import type { Documents } from '../documents/documents.js';
import { DocumentsDataKeyStore } from './documents.data-key.store.js';
import { decrypt, encrypt, lengthPrefixed } from './gcm.js';
import type { SealRef, Sealer } from './sealer.js';

const newTenant = (): TenantId => tenantId(randomUUID());
const refOf = (tenant: TenantId): SealRef => ({
  tenantId: tenant,
  table: 'servers',
  row: 'crm',
  field: 'auth.token',
  generation: 7,
});

class MovedClock extends Clock {
  ahead = 0;
  override now(): number {
    return super.now() + this.ahead;
  }
}
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const onDocuments = (documents: Documents, close: () => Promise<void>) => ({
  store: new DocumentsDataKeyStore(documents),
  tenant: () => createTenantDocument(documents),
  close,
});

describeDataKeyStore('memory', async () => ({
  store: new MemoryDataKeyStore(),
  tenant: async () => newTenant(),
  close: async () => undefined,
}));
describeDataKeyStore('documents', async () => onDocuments(new MemoryDocuments(), async () => undefined));
describeDataKeyStore('Cloudant', async () => {
  const server = await openCloudantServer();
  const { documents, close } = await openCloudantDocuments(server.database());
  return onDocuments(documents, async () => {
    await close();
    await server.close();
  });
});
for (const [name, open] of [
  ['embedded', openEmbeddedDatabase],
  ['Postgres', openPostgresDatabase],
] as const) {
  describeDataKeyStore(name, async () => {
    const db = await open();
    return { store: db.dataKeys, tenant: () => createTenant(db.database), close: db.close };
  });
}

it('makes no key on documents for a tenant that does not exist', async () => {
  const { store } = onDocuments(new MemoryDocuments(), async () => undefined);
  const key = { id: 'dek_1', keyId: 'kek_1', wrapped: Buffer.alloc(61), createdAt: new Date() };
  await expect(store.insert(newTenant(), key)).rejects.toThrow(UnknownTenantError);
});

describe('a sealed value', () => {
  const tenant = newTenant();
  const ref = refOf(tenant);
  let sealer: Sealer;
  let sealed: string;
  beforeAll(async () => {
    sealer = await openMemorySealer();
    sealed = await sealer.seal(ref, 'top secret');
  });
  const broken = async (place: SealRef, value: string): Promise<void> => {
    await expect(sealer.open(place, value)).rejects.toThrow(SealBrokenError);
  };

  it.each(['', 'x', 'ünïcödé 🔑', 'a'.repeat(100_000)])('opens to what was sealed', async (plaintext) => {
    expect(await sealer.open(ref, await sealer.seal(ref, plaintext))).toBe(plaintext);
  });

  it('has the form of the record, without the secret, and never looks the same twice', async () => {
    expect(sealed).toMatch(/^v1\.a256gcm\.dek_[\w-]{12}\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/);
    expect(await sealer.seal(ref, 'top secret')).not.toBe(sealed);
  });

  it('does not open with any one character changed', async () => {
    for (let at = 0; at < sealed.length; at += 1) {
      for (const other of ['A', 'b', '_', '.', '=']) {
        if (sealed[at] !== other) await broken(ref, sealed.slice(0, at) + other + sealed.slice(at + 1));
      }
    }
  });

  it('does not open with any one bit of nonce, ciphertext or tag changed', async () => {
    const parts = sealed.split('.');
    for (const part of [3, 4, 5]) {
      const bytes = Buffer.from(parts[part]!, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        await broken(ref, parts.with(part, flipped.toString('base64url')).join('.'));
      }
    }
  });

  it('does not open with a tag of any other length', async () => {
    const parts = sealed.split('.');
    const tag = Buffer.from(parts[5]!, 'base64url');
    for (let length = 0; length < 16; length += 1) {
      await broken(ref, parts.with(5, tag.subarray(0, length).toString('base64url')).join('.'));
    }
    await broken(ref, parts.with(5, Buffer.concat([tag, Buffer.alloc(1)]).toString('base64url')).join('.'));
  });

  it('does not open cut short, extended or spelled differently', async () => {
    for (let length = 0; length < sealed.length; length += 1) await broken(ref, sealed.slice(0, length));
    for (const extra of ['.', '.AAAA', '=', ' ', '\n', 'A']) await broken(ref, sealed + extra);
    await broken(ref, ` ${sealed}`);
    await broken(ref, sealed.replace('.', '..'));
  });

  it('opens in its own place alone', async () => {
    const other = newTenant();
    await sealer.seal(refOf(other), 'so that this tenant has a key');
    await broken({ ...ref, tenantId: other }, sealed);
    await broken({ ...ref, table: 'server_versions' }, sealed);
    await broken({ ...ref, row: 'crm2' }, sealed);
    await broken({ ...ref, field: 'auth.secret' }, sealed);
    await broken({ ...ref, generation: 6 }, sealed);
    await broken({ ...ref, row: 'crmauth', field: '.token' }, sealed);
  });

  it('says which table and field are broken, and nothing else', async () => {
    const error = await sealer.open(ref, 'v1.a256gcm.dek_stolen.x.y.z').catch((failure: unknown) => failure as Error);
    expect(error).toMatchObject({ code: 'COMPOSER_SEAL_BROKEN' });
    expect((error as Error).message).toContain('servers.auth.token');
    expect((error as Error).message).not.toMatch(/stolen|crm/);
  });

  it('is not longer than one mebibyte', async () => {
    await expect(sealer.seal(ref, 'é'.repeat(600_000))).rejects.toThrow(SealTooLongError);
  });
});

describe('encryption', () => {
  it('joins different lists to different bytes', () => {
    const lists = [['a', 'b'], ['ab'], ['ab', ''], ['', 'ab'], ['a', '', 'b'], []];
    expect(new Set(lists.map((list) => lengthPrefixed(...list).toString('hex'))).size).toBe(lists.length);
  });

  it('takes tags of sixteen bytes and nonces of twelve, whatever Node would take', async () => {
    const key = ringOf(randomKeys('k')).find('k')!;
    const bound = lengthPrefixed('x');
    const whole = encrypt(key, Buffer.from('text'), bound);
    expect(decrypt(key, whole, bound).toString()).toBe('text');
    for (let length = 4; length < 16; length += 1) {
      expect(() => decrypt(key, { ...whole, tag: whole.tag.subarray(0, length) }, bound)).toThrow();
    }
    expect(() => decrypt(key, { ...whole, nonce: whole.nonce.subarray(1) }, bound)).toThrow();
  });
});

describe('keys in time', () => {
  const old = randomKeys('kek_old');
  const tenant = newTenant();
  const ref = refOf(tenant);

  it('opens with an old key of the ring, and makes new data keys with the first one', async () => {
    const store = new MemoryDataKeyStore();
    const before = sealerOn(store, await ringProvider(ringOf(old)));
    const sealed = await before.seal(ref, 'kept');
    const after = sealerOn(store, await ringProvider(ringOf(`${randomKeys('kek_new')},${old}`)));
    expect(await after.open(ref, sealed)).toBe('kept');
    const fresh = newTenant();
    await after.seal(refOf(fresh), 'x');
    expect((await store.readActive(fresh))?.keyId).toBe('kek_new');
    expect((await store.readActive(tenant))?.keyId).toBe('kek_old');
  });

  it('names the key that is missing when the old one was taken out too early', async () => {
    const store = new MemoryDataKeyStore();
    const sealed = await sealerOn(store, await ringProvider(ringOf(old))).seal(ref, 'x');
    const after = sealerOn(store, await ringProvider());
    await expect(after.open(ref, sealed)).rejects.toThrow(KeyMissingError);
    await expect(after.open(ref, sealed)).rejects.toThrow('"kek_old"');
  });

  it('does not open a data key that was moved to another tenant', async () => {
    const store = new MemoryDataKeyStore();
    const sealer = sealerOn(store, await ringProvider());
    const sealed = await sealer.seal(ref, 'x');
    const thief = newTenant();
    await store.insert(thief, (await store.readActive(tenant))!);
    await expect(sealer.open({ ...ref, tenantId: thief }, sealed)).rejects.toThrow();
  });

  it('takes a new data key after ninety days, and still opens what the old one sealed', async () => {
    const clock = new MovedClock();
    const store = new MemoryDataKeyStore();
    const sealer = sealerOn(store, await ringProvider(), clock);
    const first = await sealer.seal(ref, 'first');
    clock.ahead = 89 * DAY;
    expect(keyOf(await sealer.seal(ref, 'x'))).toBe(keyOf(first));
    clock.ahead = 90 * DAY;
    const later = await Promise.all([sealer.seal(ref, 'x'), sealer.seal(ref, 'y')]);
    expect(keyOf(later[0])).toBe(keyOf(later[1]));
    expect(keyOf(later[0])).not.toBe(keyOf(first));
    expect(await sealer.open(ref, first)).toBe('first');
  });

  it('forgets a data key after five minutes, and at once when told to', async () => {
    const clock = new MovedClock();
    const store = new CountingStore();
    const sealer = sealerOn(store, await ringProvider(), clock);
    const sealed = await sealer.seal(ref, 'x');
    const reads = async (): Promise<number> => {
      store.reads = 0;
      await sealer.open(ref, sealed);
      return store.reads;
    };
    expect(await reads()).toBe(0);
    clock.ahead = 4 * MINUTE;
    expect(await reads()).toBe(0);
    clock.ahead = 6 * MINUTE;
    expect(await reads()).toBe(1);
    expect(await reads()).toBe(0);
    sealer.forget(tenant);
    expect(await reads()).toBe(1);
  });

  it('keeps a bounded number of data keys', async () => {
    const store = new CountingStore();
    const sealer = sealerOn(store, await ringProvider());
    const tenants = Array.from({ length: 2_100 }, newTenant);
    const sealed = await Promise.all(tenants.map((each) => sealer.seal(refOf(each), 'x')));
    store.reads = 0;
    for (const [at, each] of tenants.entries()) expect(await sealer.open(refOf(each), sealed[at]!)).toBe('x');
    expect(store.reads).toBeGreaterThanOrEqual(100);
  });
});

describeOnEveryDatabase('sealing', (open) => {
  const keys = randomKeys('kek_1');
  let db: OpenDatabase;
  let tenant: TenantId;
  beforeAll(async () => {
    db = await open({ ring: ringOf(keys) });
    tenant = await createTenant(db.database);
  });
  afterAll(() => db?.close());

  it('makes one key for many first callers', async () => {
    const fresh = await createTenant(db.database);
    const all = await Promise.all(Array.from({ length: 12 }, (_, n) => db.sealer.seal(refOf(fresh), `${n}`)));
    expect(new Set(all.map(keyOf)).size).toBe(1);
    expect(await db.sealer.open(refOf(fresh), all[7]!)).toBe('7');
  });

  it('opens inside a transaction of the same tenant, also with a key that is not in memory', async () => {
    const sealed = await db.sealer.seal(refOf(tenant), 'inside');
    const cold = sealerOn(db.dataKeys, await ringProvider(ringOf(keys)));
    const work = db.database.inTenant(tenant, async () => [
      await cold.open(refOf(tenant), sealed),
      await Promise.all([cold.open(refOf(tenant), sealed), cold.open(refOf(tenant), sealed)]),
    ]);
    expect(await work).toEqual(['inside', ['inside', 'inside']]);
  });

  it('does not let a transaction wait for a caller outside who waits for its connection', async () => {
    const sealed = await db.sealer.seal(refOf(tenant), 'x');
    const cold = sealerOn(db.dataKeys, await ringProvider(ringOf(keys)));
    const elsewhere = new AsyncResource('another caller');
    let outside: Promise<string> | undefined;
    const inside = db.database.inTenant(tenant, async (tx) => {
      outside = elsewhere.runInAsyncScope(() => cold.open(refOf(tenant), sealed));
      await tx.query('SELECT 1');
      return cold.open(refOf(tenant), sealed);
    });
    expect(await inside).toBe('x');
    expect(await outside).toBe('x');
  });

  it('refuses to seal inside a transaction, key in memory or not', async () => {
    await db.sealer.seal(refOf(tenant), 'warm');
    const work = db.database.inTenant(tenant, () => db.sealer.seal(refOf(tenant), 'x'));
    await expect(work).rejects.toThrow(NestedTransactionError);
  });

  it('seals nothing for a tenant that does not exist', async () => {
    await expect(db.sealer.seal(refOf(newTenant()), 'x')).rejects.toThrow(UnknownTenantError);
  });

  it('keeps neither secret nor data key in the clear', async () => {
    await db.sealer.seal(refOf(tenant), 'canary-3f9a');
    const rows = await db.database.inTenant(tenant, (tx) => tx.query('SELECT * FROM data_keys'));
    expect(rows).toHaveLength(1);
    expect((rows[0] as { wrapped: Buffer }).wrapped).toHaveLength(1 + 12 + 32 + 16);
    expect(JSON.stringify(rows)).not.toContain('canary');
  });

  it('can read nothing of a tenant any more that was deleted', async () => {
    const gone = await createTenant(db.database);
    const sealed = await db.sealer.seal(refOf(gone), 'x');
    await db.database.asOperator((tx) => tx.execute('DELETE FROM tenants WHERE id = $1', [gone]));
    db.sealer.forget(gone);
    await expect(db.sealer.open(refOf(gone), sealed)).rejects.toThrow(SealBrokenError);
  });
});

describe('sealing with several processes', () => {
  it('makes one key for a tenant, which all of them open', async () => {
    const ring = ringOf(randomKeys('kek_1'));
    const first = await openPostgresDatabase({ ring });
    const others = await Promise.all([1, 2, 3].map(() => openDatabase(first.config, { ring })));
    try {
      const tenant = await createTenant(first.database);
      const sealed = await Promise.all([first, ...others].map(({ sealer }) => sealer.seal(refOf(tenant), 'x')));
      expect(new Set(sealed.map(keyOf)).size).toBe(1);
      for (const { sealer } of others) expect(await sealer.open(refOf(tenant), sealed[0]!)).toBe('x');
    } finally {
      for (const each of others) await each.close();
      await first.close();
    }
  });
});

class CountingStore extends MemoryDataKeyStore {
  reads = 0;
  override read(...args: Parameters<MemoryDataKeyStore['read']>) {
    this.reads += 1;
    return super.read(...args);
  }
}

const keyOf = (sealed: string | undefined): string => sealed!.split('.')[2]!;
