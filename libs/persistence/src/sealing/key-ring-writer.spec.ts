import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomKeys, randomRing } from '../../testing/index.js';
import { KeyFileError } from '../persistence.errors.js';
import { KeyRingFile } from './key-ring-file.js';
import { KeyRingWriter } from './key-ring-writer.js';
import { KeyRing } from './key-ring.js';

describe('writing the key ring', () => {
  let directory: string;
  let file: string;
  const writer = async (path = file): Promise<KeyRingWriter> => {
    const keys = new KeyRingFile({ file: path });
    await keys.load();
    return new KeyRingWriter(keys);
  };
  const ids = (): readonly string[] => (KeyRing.parse(readFileSync(file, 'utf8')) as KeyRing).ids;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mcpc-ring-'));
    file = join(directory, 'keys');
    writeFileSync(file, randomKeys('k1', 'k2'));
    chmodSync(file, 0o640);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('puts a good new key first, and leaves the others, the rights and nothing else', async () => {
    const before = readFileSync(file, 'utf8').split(',');
    const id = await (await writer()).addFirst();
    expect(ids()).toEqual([id, 'k1', 'k2']);
    expect(readFileSync(file, 'utf8').trimEnd().split('\n').slice(1)).toEqual(before);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory)).toEqual(['keys']);
  });

  it('takes out the key that is named, and no other one that begins alike', async () => {
    writeFileSync(file, randomKeys('k1', 'k', 'k2'));
    await (await writer()).remove('k');
    expect(ids()).toEqual(['k1', 'k2']);
  });

  it('writes where a link leads to, and leaves the link', async () => {
    const link = join(directory, 'link');
    symlinkSync(file, link);
    const id = await (await writer(link)).addFirst();
    expect(ids()[0]).toBe(id);
    expect(readFileSync(link, 'utf8')).toBe(readFileSync(file, 'utf8'));
  });

  it('loses no key when many write at once: each is written, or refused', async () => {
    const one = await writer();
    const results: PromiseSettledResult<string>[] = [];
    for (let round = 0; round < 150; round += 1) {
      // Each begins at another moment of the work of the one before.
      const writing = Array.from({ length: 4 }, async (_, at) => {
        for (let turn = 0; turn < at * (round % 12); turn += 1) await stat(file);
        return one.addFirst();
      });
      results.push(...(await Promise.allSettled(writing)));
    }
    const added = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(added.length).toBeGreaterThan(0);
    expect([...ids()].sort()).toEqual([...added, 'k1', 'k2'].sort());
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(KeyFileError);
    expect(readdirSync(directory)).toEqual(['keys']);
  });

  it('is read whole at every moment of being written', async () => {
    const one = await writer();
    let isOver = false;
    const writing = (async () => {
      for (let n = 0; n < 40; n += 1) await one.remove(await one.addFirst());
      isOver = true;
    })();
    while (!isOver) {
      expect(ids()).toEqual(expect.arrayContaining(['k1', 'k2']));
      await new Promise(setImmediate);
    }
    await writing;
  });

  it('goes on after one that was killed while it wrote', async () => {
    const left = join(directory, '.keys.next');
    writeFileSync(left, 'half');
    await expect((await writer()).addFirst()).rejects.toThrow(KeyFileError);
    utimesSync(left, 0, 0);
    await (await writer()).addFirst();
    expect(ids()).toHaveLength(3);
    expect(readdirSync(directory)).toEqual(['keys']);
  });

  it('leaves alone what nobody may write, whoever it runs as', async () => {
    const one = await writer();
    chmodSync(file, 0o400);
    expect(await one.mayWrite()).toBe(false);
    chmodSync(file, 0o600);
    chmodSync(directory, 0o500);
    expect(await one.mayWrite()).toBe(false);
    chmodSync(directory, 0o700);
    expect(await one.mayWrite()).toBe(true);
  });

  it('knows that there is nothing to write where the environment spells the ring', async () => {
    const keys = new KeyRingFile({ ring: randomRing('mine'), file });
    await keys.load();
    expect(await new KeyRingWriter(keys).mayWrite()).toBe(false);
    expect(await (await writer()).mayWrite()).toBe(true);
    expect(await new KeyRingWriter(new KeyRingFile({ file: join(directory, 'none') })).mayWrite()).toBe(false);
  });
});
