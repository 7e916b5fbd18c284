import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomKeys, randomRing } from '../../testing/index.js';
import { KeyFileError } from '../persistence.errors.js';
import { KeyRingFile } from './key-ring-file.js';
import { KeyRing } from './key-ring.js';

const bytes = (fill: (at: number) => number, length = 32): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => fill(at)));

const WEAK: readonly [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['31 bytes', randomBytes(31)],
  ['33 bytes', randomBytes(33)],
  ['16 bytes', randomBytes(16)],
  ['zeros', Buffer.alloc(32)],
  ['one byte over and over', Buffer.alloc(32, 0xa5)],
  ['0x00 to 0x1f', bytes((at) => at)],
  ['0xff downwards', bytes((at) => 255 - at)],
  ['steps of seven', bytes((at) => (at * 7) & 0xff)],
  ['a password', Buffer.from('correct-horse-battery-staple-123')],
  ['a keyboard row', Buffer.from('qwertyuiopasdfghjklzxcvbnm123456')],
  ['hexadecimal digits', Buffer.from(randomBytes(16).toString('hex'))],
  ['sixteen bytes twice', Buffer.concat(Array<Buffer>(2).fill(randomBytes(16)))],
  ['few different bytes', bytes((at) => [1, 200, 3, 130, 5, 6, 77, 8, 9, 254, 11][at % 11]!)],
  ['the hash of a password', createHash('sha256').update('changeme').digest()],
  [
    'the key of NIST SP 800-38A',
    Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex'),
  ],
];

describe('key ring', () => {
  it('seals with its first key and opens with all', () => {
    const ring = randomRing('new', 'old');
    expect(ring.activeId).toBe('new');
    expect(ring.ids).toEqual(['new', 'old']);
    expect(ring.find('old')?.export()).toHaveLength(32);
    expect(ring.find('other')).toBeUndefined();
  });

  it.each(WEAK)('refuses %s', (_, key) => {
    const encoded = key.toString('base64');
    const faults = KeyRing.parse(`k1:${encoded}`) as readonly string[];
    expect(faults).toEqual([expect.stringMatching(/^key "k1" /)]);
    if (encoded) expect(faults[0]).not.toContain(encoded);
  });

  it('takes a thousand random keys', () => {
    for (let n = 0; n < 1_000; n += 1) expect(KeyRing.parse(randomKeys('k'))).toBeInstanceOf(KeyRing);
  });

  it('refuses an id that is there already, or is none, and text that is no base64', () => {
    const key = randomBytes(32).toString('base64');
    expect(KeyRing.parse(`a:${key},${randomKeys('a')}`)).toEqual(['key "a" has the id of an earlier one']);
    expect(KeyRing.parse(`a.b:${key}`)).toEqual(['key number 1 has no proper id']);
    expect(KeyRing.parse(key)).toEqual(['key number 1 has no proper id']);
    expect(KeyRing.parse(`a:${key.slice(0, -4)}!!!!`)).toEqual([expect.stringMatching(/^key "a" is not exactly 32/)]);
    expect(KeyRing.parse(' , \n')).toEqual(['holds no key']);
  });

  it('shows no key when it is printed', () => {
    const key = randomBytes(32);
    const ring = KeyRing.parse(`k:${key.toString('base64')}`);
    expect(JSON.stringify(ring)).toBe('{"ids":["k"]}');
  });
});

describe('generated key ring', () => {
  let directory: string;
  let file: string;
  const load = async (path = file): Promise<KeyRing> => {
    const keys = new KeyRingFile({ file: path });
    await keys.load();
    return keys.ring;
  };
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mcpc-keys-'));
    file = join(directory, 'data', 'keys');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is made once, for this user alone, and read from then on', async () => {
    const first = await load();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o700);
    const second = await load();
    expect(second.ids).toEqual(first.ids);
    expect(second.find(second.activeId)!.equals(first.find(first.activeId)!)).toBe(true);
  });

  it('is one and the same for processes that make it at once, and nothing else is left', async () => {
    for (let round = 0; round < 30; round += 1) {
      const path = join(directory, `data-${round}`, 'keys');
      const rings = await Promise.all(Array.from({ length: 10 }, () => load(path)));
      expect(new Set(rings.map(({ activeId }) => activeId)).size).toBe(1);
      expect(readdirSync(join(directory, `data-${round}`))).toEqual(['keys']);
    }
  });

  it('is not made where the operator gave one', async () => {
    const keys = new KeyRingFile({ file, ring: randomRing('mine') });
    await keys.load();
    expect(keys.ring.activeId).toBe('mine');
    expect(existsSync(file)).toBe(false);
  });

  it('is refused, and left as it is, when its file was damaged', async () => {
    await load();
    const damaged = readFileSync(file, 'utf8').slice(0, 20);
    writeFileSync(file, damaged);
    const error = await load().catch((failure: unknown) => failure as Error);
    expect(error).toBeInstanceOf(KeyFileError);
    expect((error as Error).message).toContain(file);
    expect((error as Error).message).not.toContain(damaged.split(':')[1]);
    expect(readFileSync(file, 'utf8')).toBe(damaged);
  });
});
