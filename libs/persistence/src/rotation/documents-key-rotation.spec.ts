import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import {
  type CloudantServer,
  MemoryDocuments,
  type OpenKeyRing,
  createTenantDocument,
  openCloudantDocuments,
  openCloudantServer,
  openDocumentsChangeFeed,
  openDocumentsKeyRing,
  randomKeys,
  ringOf,
  until,
} from '../../testing/index.js';
import type { Documents } from '../documents/documents.js';
import { KeyDroppedError, KeyInUseError, KeyNotEverywhereError, KeysLeftError } from '../persistence.errors.js';

const quiet = (): void => undefined;
const place = (tenantId: TenantId) => ({ tenantId, table: 'servers', row: 'crm', field: 'auth.token', generation: 1 });

interface Sealed {
  readonly tenant: TenantId;
  readonly value: string;
}

describe.each(['memory', 'Cloudant'])('key rotation on documents, %s', (name) => {
  let server: CloudantServer | undefined;
  let documents: Documents;
  let directory: string;
  const opened: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    if (name === 'Cloudant') server = await openCloudantServer();
  });
  afterAll(() => server?.close());
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mcpc-rotation-'));
    documents = new MemoryDocuments();
    if (!server) return;
    const open = await openCloudantDocuments(server.database());
    documents = open.documents;
    opened.push(open);
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const onKeys = (keys: string) => openDocumentsKeyRing(documents, { ring: ringOf(keys), file: '' });
  const onFile = async (file = 'keys'): Promise<OpenKeyRing> => {
    const ring = await openDocumentsKeyRing(documents, { file: join(directory, file), isGiven: true });
    opened.push(ring);
    return ring;
  };
  const serve = async (file?: string): Promise<OpenKeyRing> => {
    const ring = await onFile(file);
    ring.keys.follow();
    opened.push(await openDocumentsChangeFeed(documents, { keys: ring.file }));
    return ring;
  };
  const writeRing = (keys: string, file = 'keys') => writeFileSync(join(directory, file), keys);
  const sealFor = async ({ sealer }: OpenKeyRing, count: number): Promise<Sealed[]> => {
    const sealed: Sealed[] = [];
    for (let n = 0; n < count; n++) {
      const tenant = await createTenantDocument(documents);
      sealed.push({ tenant, value: await sealer.seal(place(tenant), `secret of ${tenant}`) });
    }
    return sealed;
  };
  const expectAllOpen = async ({ sealer }: OpenKeyRing, sealed: readonly Sealed[]): Promise<void> => {
    for (const { tenant, value } of sealed) expect(await sealer.open(place(tenant), value)).toBe(`secret of ${tenant}`);
  };

  it('wraps everything with the first key of the ring, of all tenants, and opens it with that key alone', async () => {
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    const sealed = await sealFor(await onKeys(k1), 120);
    const ring = await onKeys(`${k2},${k1}`);
    expect(await ring.rotation.status()).toEqual({ active: 'k2', sealed: { k1: 120, k2: 0 } });
    const most = mostAtOnce(documents, 'keys/data');
    expect(await ring.rotation.rotate(quiet)).toEqual({ active: 'k2', rewrapped: 120, sealed: { k2: 120, k1: 0 } });
    expect(most()).toBe(8);
    expect(await ring.rotation.rotate(quiet)).toMatchObject({ rewrapped: 0 });
    await ring.rotation.drop('k1');
    await expectAllOpen(await onKeys(k2), sealed);
  }, 60_000);

  it('drops no key that wraps something, and refuses what would be wrapped with a dropped one', async () => {
    const [k1, k2, k3] = [randomKeys('k1'), randomKeys('k2'), randomKeys('k3')];
    const stale = await onKeys(`${k3},${k1}`);
    await sealFor(await onKeys(k1), 1);
    const ring = await onKeys(`${k2},${k1},${k3}`);
    await expect(ring.rotation.drop('k1')).rejects.toThrow(KeyInUseError);
    await ring.rotation.drop('k3');
    await expect(sealFor(stale, 1)).rejects.toThrow(KeyDroppedError);
    await sealFor(await onKeys(`${k3},${k2},${k1}`), 1);
  });

  it('takes a data key back whose key of the ring is dropped while it is stored', async () => {
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    const stale = await onKeys(k1);
    const command = await onKeys(`${k2},${k1}`);
    const write = documents.write.bind(documents);
    documents.write = async (ref, body, rev) => {
      const made = await write(ref, body, rev);
      if (ref.path !== 'keys/data') return made;
      documents.write = write;
      await command.rotation.drop('k1').catch(() => undefined); // it sees the key, and is refused
      const ring = await documents.read({ partition: 'operator', path: 'keys/ring' });
      const k1Record = ring!.body['k1'] as object;
      await write(
        { partition: 'operator', path: 'keys/ring' },
        { ...ring!.body, k1: { ...k1Record, isDropped: true } },
        ring!.rev,
      );
      return made;
    };
    await expect(sealFor(stale, 1)).rejects.toThrow(KeyDroppedError);
    expect((await command.stores.count()).get('k1')).toBeUndefined();
  });

  it('leaves a wrapped key that does not open, and ends with an error', async () => {
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    const sealed = await sealFor(await onKeys(k1), 3);
    const ref = { partition: sealed[1]!.tenant, path: 'keys/data' };
    const stored = (await documents.read(ref))!;
    await documents.write(
      ref,
      JSON.parse(JSON.stringify(stored.body).replace(/"wrapped":"..../, '"wrapped":"AQAA')),
      stored.rev,
    );
    const ring = await onKeys(`${k2},${k1}`);
    await expect(ring.rotation.rotate(quiet)).rejects.toThrow(KeysLeftError);
    expect((await ring.rotation.status()).sealed).toEqual({ k2: 2, k1: 1 });
  }, 60_000);

  it('waits until every process seals with the new key, and re-wraps nothing where one does not', async () => {
    for (const file of ['shared', 'apart']) writeRing(randomKeys('k1'), file);
    writeRing(readFileSync(join(directory, 'shared'), 'utf8'), 'apart');
    const [one, apart] = [await serve('shared'), await serve('apart')];
    const sealed = await sealFor(one, 5);
    const command = await onFile('shared');
    await expect(command.rotation.rotate(quiet, 4_000)).rejects.toThrow(KeyNotEverywhereError);
    expect((await command.rotation.status()).sealed).toMatchObject({ k1: 5 });
    writeRing(readFileSync(join(directory, 'shared'), 'utf8'), 'apart');
    expect(await command.rotation.rotate(quiet)).toMatchObject({ rewrapped: 5 });
    for (const ring of [one, apart]) await expectAllOpen(ring, sealed);
  }, 60_000);

  it('re-wraps by itself in a process that serves, one at a time', async () => {
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    writeRing(k1);
    const rings = [await serve(), await serve()];
    const sealed = await sealFor(rings[0]!, 20);
    const told = (what: string) => rings.flatMap(({ lines }) => lines.filter((line) => line.includes(what)));
    const write = documents.write.bind(documents);
    documents.write = async (ref, ...args) => {
      if (ref.path === 'keys/data')
        await until(() => told('is at it').length > 0, 'the other one to be refused', 20_000);
      return write(ref, ...args);
    };
    for (const { background } of rings) background.begin();
    writeRing(`${k2},${k1}`);
    await until(() => told('keys were re-wrapped').length > 0, 'everything to be re-wrapped', 30_000);
    expect(told('keys are re-wrapped')).toHaveLength(1);
    expect(told('keys were re-wrapped').map((line) => JSON.parse(line) as object)).toMatchObject([{ rewrapped: 20 }]);
    expect((await rings[0]!.stores.count()).get('k2')).toBe(20);
    await expectAllOpen(rings[1]!, sealed);
  }, 60_000);
});

/** How many documents of a path are written at the same time. */
function mostAtOnce(documents: Documents, path: string): () => number {
  const write = documents.write.bind(documents);
  let [now, most] = [0, 0];
  documents.write = async (ref, ...args) => {
    if (ref.path !== path) return write(ref, ...args);
    most = Math.max(most, ++now);
    return write(ref, ...args).finally(() => (now -= 1));
  };
  return () => most;
}
