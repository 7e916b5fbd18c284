import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setEnvironment } from '#config';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomKeys } from '../../testing/index.js';
import { KeyFileError, RotationUnfinishedError } from '../persistence.errors.js';
import { KeyRing } from '../sealing/key-ring.js';
import { addKeyToFile } from './add-key-to-file.js';

describe('adding a key without the database', () => {
  let directory: string;
  let file: string;
  const ids = () => (KeyRing.parse(readFileSync(file, 'utf8')) as KeyRing).ids;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mcpc-add-'));
    file = join(directory, 'keys');
    writeFileSync(file, randomKeys('k1'));
    setEnvironment({ COMPOSER_DATA_DIR: directory });
  });
  afterEach(() => {
    setEnvironment(undefined);
    rmSync(directory, { recursive: true, force: true });
  });

  it('adds one, and none more as long as the former ones are not dropped', async () => {
    const id = await addKeyToFile();
    expect(ids()).toEqual([id, 'k1']);
    const again = await addKeyToFile().catch((error: unknown) => error);
    expect(again).toBeInstanceOf(RotationUnfinishedError);
    expect((again as Error).message).toContain('"k1"');
    expect(ids()).toEqual([id, 'k1']);
  });

  it('says so where the ring is in no file', async () => {
    setEnvironment({ COMPOSER_DATA_DIR: directory, COMPOSER_KEYS: randomKeys('k1') });
    await expect(addKeyToFile()).rejects.toThrow(KeyFileError);
  });
});
