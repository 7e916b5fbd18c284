import { randomBytes } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { KeyFileError } from '../persistence.errors.js';
import { type KeysConfig, keysConfig } from '../persistence.config.js';
import { KeyRing } from './key-ring.js';
import { KEY_BYTES } from './key-strength.js';

/** The key ring of this process: the operator's, else one that is generated once and kept in a file. */
@Injectable()
export class KeyRingFile {
  private loaded: KeyRing | undefined;

  constructor(@Inject(keysConfig.KEY) private readonly config: KeysConfig) {}

  /** Only after `load`. */
  get ring(): KeyRing {
    if (!this.loaded) throw new Error('the key ring is not loaded');
    return this.loaded;
  }

  /** @throws KeyFileError when the file cannot be written, or holds anything but good keys */
  async load(): Promise<void> {
    this.loaded = this.config.ring ?? (await this.readOrGenerate(resolve(this.config.file)));
  }

  private async readOrGenerate(file: string): Promise<KeyRing> {
    let text: string;
    try {
      text = (await readIfThere(file)) ?? (await generate(file));
    } catch (error) {
      throw new KeyFileError(file, 'it can be neither read nor written; check its rights', error);
    }
    const ring = KeyRing.parse(text);
    if (ring instanceof KeyRing) return ring;
    throw new KeyFileError(
      file,
      `${ring.join(', ')}; restore it from a backup, or delete it together with the database`,
    );
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes aside, syncs and links into place: the file is whole or absent, and of two processes one wins. */
async function generate(file: string): Promise<string> {
  const id = `dev_${randomBytes(4).toString('hex')}`;
  const candidate = `${file}.${id}`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await writeSynced(candidate, `${id}:${randomBytes(KEY_BYTES).toString('base64')}\n`);
    await link(candidate, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(candidate, { force: true });
  }
  await sync(dirname(file)); // the name itself lies in the directory
  return readFile(file, 'utf8');
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  await finished(handle, async () => {
    await handle.writeFile(text);
    await handle.sync();
  });
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await finished(handle, () => handle.sync());
}

async function finished(handle: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await handle.close();
  }
}
