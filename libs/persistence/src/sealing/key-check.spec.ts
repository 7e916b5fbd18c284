import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CloudantServer,
  MemoryDocuments,
  createTenant,
  openCloudantDocuments,
  openCloudantServer,
  openEmbeddedDatabase,
  openPostgresDatabase,
  randomKeys,
  ringOf,
  ringProvider,
} from '../../testing/index.js';
import { Log, SecretValues } from '#observability';
import { KeyMissingError, KeyWrongError } from '../persistence.errors.js';
import { DocumentsKeyCheckStore } from './documents.key-check.store.js';
import { KeyCheck } from './key-check.js';
import type { KeyCheckStore } from './key-check.store.js';
import { PostgresKeyCheckStore } from './postgres.key-check.store.js';

interface OpenStore {
  readonly store: KeyCheckStore;
  close(): Promise<void>;
}

let cloudant: CloudantServer;
beforeAll(async () => void (cloudant = await openCloudantServer()));
afterAll(() => cloudant?.close());

const OPEN: readonly (readonly [string, () => Promise<OpenStore>])[] = [
  ...([openEmbeddedDatabase, openPostgresDatabase] as const).map(
    (open) =>
      [
        open === openPostgresDatabase ? 'Postgres' : 'the embedded database',
        async () => {
          const db = await open();
          return { store: new PostgresKeyCheckStore(db.database), close: db.close };
        },
      ] as const,
  ),
  ['memory', async () => ({ store: new DocumentsKeyCheckStore(new MemoryDocuments()), close: async () => undefined })],
  [
    'Cloudant',
    async () => {
      const open = await openCloudantDocuments(cloudant.database());
      return { store: new DocumentsKeyCheckStore(open.documents), close: open.close };
    },
  ],
];

describe.each(OPEN)('key check on %s', (_, open) => {
  const [first, second, third] = [randomKeys('kek_1'), randomKeys('kek_2'), randomKeys('kek_3')] as const;
  let db: OpenStore;
  let lines: string[];
  beforeEach(async () => {
    db = await open();
    lines = [];
  });
  afterEach(() => db.close());
  const check = async (keys: string): Promise<KeyCheck> => {
    const log = Log.open({ level: 'warn', format: 'json' }, new SecretValues(), (line) => lines.push(line));
    return new KeyCheck(db.store, await ringProvider(ringOf(keys)), log);
  };
  const verified = async (keys: string): Promise<boolean> => {
    const each = await check(keys);
    await each.verify();
    return each.isOpen();
  };

  it('is open once every key was proved, and not before', async () => {
    const each = await check(first);
    expect(each.isOpen()).toBe(false);
    await each.verify();
    expect(each.isOpen()).toBe(true);
    expect(await verified(first)).toBe(true);
  });

  it('follows a rotation from one key over both to the other', async () => {
    for (const keys of [first, `${second},${first}`, `${third},${second},${first}`])
      expect(await verified(keys)).toBe(true);
    expect(lines).toEqual([]);
    expect(await verified(`${third},${second}`)).toBe(true);
    expect(lines.join()).toContain('kek_1');
  });

  it('refuses other bytes under a known id, naming the key and no byte of it', async () => {
    await verified(first);
    const forged = randomKeys('kek_1');
    for (const keys of [forged, `${second},${forged}`]) {
      const each = await check(keys);
      const error = await each.verify().catch((failure: unknown) => failure as Error);
      expect(error).toBeInstanceOf(KeyWrongError);
      expect((error as Error).message).toContain('"kek_1"');
      expect((error as Error).message).not.toContain(forged.slice(6, 20));
      expect(each.isOpen()).toBe(false);
    }
  });

  it('refuses a ring of strangers, naming the keys that are missing', async () => {
    await verified(first);
    const error = await verified(second).catch((failure: unknown) => failure as Error);
    expect(error).toBeInstanceOf(KeyMissingError);
    expect((error as Error).message).toContain('"kek_1"');
  });

  it('agrees with processes that write the same records at the same moment', async () => {
    const checks = await Promise.all([1, 2, 3, 4].map(() => check(first)));
    await Promise.all(checks.map((each) => each.verify()));
    expect(checks.every((each) => each.isOpen())).toBe(true);
  });

  it('lets one of two processes with different bytes for a new key go on, and stops the other', async () => {
    const checks = await Promise.all([check(first), check(randomKeys('kek_1'))]);
    const results = await Promise.allSettled(checks.map((each) => each.verify()));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

it("key checks are nobody's data key", async () => {
  const db = await openPostgresDatabase();
  await db.keyCheck.verify();
  const tenant = await createTenant(db.database);
  expect(await db.dataKeys.readActive(tenant)).toBeUndefined();
  await db.close();
});
