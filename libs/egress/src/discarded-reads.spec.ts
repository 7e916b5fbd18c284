import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { noteDiscarded } from './discarded-reads.js';

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;

/** The most bytes that lay about while so many were read, piece by piece, and thrown away. */
async function most(bytes: number): Promise<number> {
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  for (let read = 0; read < bytes; read += PIECE) {
    Buffer.allocUnsafeSlow(PIECE);
    noteDiscarded(PIECE);
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    // Freed by another thread, soon after the collection.
    if ((read / PIECE) % 16 === 0) await new Promise(setImmediate);
  }
  return peak;
}

describe('noteDiscarded', () => {
  it('keeps dead buffers from piling up', async () => {
    // More than 30 MiB without it.
    expect(await most(128 * MIB)).toBeLessThan(24 * MIB);
  });

  it('leaves the globals as they are, those of later contexts too', () => {
    noteDiscarded(64 * MIB);
    expect(globalThis).not.toHaveProperty('gc');
    expect(runInNewContext('typeof gc')).toBe('undefined');
  });
});
