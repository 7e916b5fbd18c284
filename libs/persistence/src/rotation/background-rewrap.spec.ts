import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  MemoryDocuments,
  type OpenKeyRing,
  createTenantDocument,
  openDocumentsKeyRing,
  randomKeys,
  ringOf,
} from '../../testing/index.js';
import { OPERATOR } from '../documents/documents.js';

const PACE_MS = 5_000;

describe('re-wrapping in the background', () => {
  let documents: MemoryDocuments;
  let ring: OpenKeyRing;
  beforeEach(async () => {
    documents = new MemoryDocuments();
    const [k1, k2] = [randomKeys('k1'), randomKeys('k2')];
    const former = await openDocumentsKeyRing(documents, { ring: ringOf(k1), file: '' });
    const tenantId = await createTenantDocument(documents);
    await former.sealer.seal({ tenantId, table: 'servers', row: 'crm', field: 'token', generation: 1 }, 'secret');
    ring = await openDocumentsKeyRing(documents, { ring: ringOf(`${k2},${k1}`), file: '' });
    jest.useFakeTimers();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await ring.close();
  });
  /** A process that serves without the new key, and reports. */
  const report = async (name: string): Promise<void> => {
    const ref = { partition: OPERATOR, path: 'replicas/other' } as const;
    const body = { name, applied: '0000000000000000', keyIds: ['k1'], at: Date.now() };
    await documents.write(ref, body, (await documents.read(ref))?.rev);
  };

  it('tells why it waits, once as long as that stays the same', async () => {
    await report('one:1');
    ring.background.begin();
    for (const name of ['one:1', 'one:1', 'two:2', 'two:2']) {
      await jest.advanceTimersByTimeAsync(PACE_MS - 1);
      await report(name);
      await jest.advanceTimersByTimeAsync(1);
    }
    const told = ring.lines.filter((line) => line.includes('keys wait to be re-wrapped'));
    expect(told.map((line) => (JSON.parse(line) as { because: string }).because)).toEqual([
      'one:1 cannot open with it',
      'two:2 cannot open with it',
    ]);
  });
});
