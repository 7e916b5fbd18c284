import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeSynced } from './durable-file.js';

describe('writing a file that survives', () => {
  let directory: string;
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'mcpc-durable-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('leaves nothing behind when it fails half-way', async () => {
    const badOwner = { mode: 0o600, uid: -2, gid: -2 };
    await expect(writeSynced(join(directory, 'keys'), 'secret', badOwner)).rejects.toThrow();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('leaves alone what is there already', async () => {
    writeFileSync(join(directory, 'keys'), 'of another one');
    await expect(writeSynced(join(directory, 'keys'), 'secret', { mode: 0o600 })).rejects.toThrow('EEXIST');
    expect(readdirSync(directory)).toEqual(['keys']);
  });
});
