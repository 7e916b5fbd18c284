import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Clock } from '#kernel';
import { MemoryDocuments } from '../../testing/index.js';
import { KEY_RECORDS } from '../sealing/key-records.js';
import { DocumentsKeyLedger } from './documents.key-ledger.js';
import { RewrapLease } from './rewrap-lease.js';

describe('the right to re-wrap', () => {
  let documents: MemoryDocuments;
  const lease = () => new RewrapLease(new DocumentsKeyLedger(documents, new Clock()));
  beforeEach(async () => {
    jest.useFakeTimers();
    documents = new MemoryDocuments();
    await documents.write(KEY_RECORDS, { k1: { sealed: '' } });
  });
  afterEach(() => void jest.useRealTimers());

  it('is kept however long the work takes, and given back when it is over', async () => {
    let finish = (): void => undefined;
    const working = lease().during('k1', () => new Promise<void>((resolve) => (finish = resolve)));
    await jest.advanceTimersByTimeAsync(60_000);
    const work = jest.fn(async () => undefined);
    expect(await lease().during('k1', work)).toContain(`:${process.pid} `);
    expect(work).not.toHaveBeenCalled();
    finish();
    expect(await working).toBeUndefined();
    expect(await lease().during('k1', work)).toBeUndefined();
    expect(work).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is free a few seconds after a process was killed', async () => {
    await new DocumentsKeyLedger(documents, new Clock()).lease('k1', 'killed', 5_000);
    expect(await lease().during('k1', async () => undefined)).toBe('killed');
    await jest.advanceTimersByTimeAsync(5_001);
    expect(await lease().during('k1', async () => undefined)).toBeUndefined();
  });

  it('is given back by work that fails', async () => {
    const failing = lease().during('k1', async () => Promise.reject(new Error('broken')));
    await expect(failing).rejects.toThrow('broken');
    expect(await lease().during('k1', async () => undefined)).toBeUndefined();
  });
});
