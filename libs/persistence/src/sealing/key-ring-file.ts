import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { KeyFileError } from '../persistence.errors.js';
import { type KeysConfig, keysConfig } from '../persistence.config.js';
import { syncDirectory, writeSynced } from './durable-file.js';
import { KeyRing } from './key-ring.js';
import { KEY_BYTES } from './key-strength.js';

/** A ring as it stood in the file at some time. */
export interface FoundRing {
  readonly ring: KeyRing;
  /** Differs whenever the file was written, moved or replaced. */
  readonly version: string;
}

/** The key ring of this process: the operator's, else one that is generated once and kept in a file. */
@Injectable()
export class KeyRingFile {
  private inUse: KeyRing | undefined;
  private taken: FoundRing | undefined;

  constructor(@Inject(keysConfig.KEY) private readonly config: KeysConfig) {}

  /** The keys in use: the first one seals. Ask again each time: the file may change. Only after `load`. */
  get ring(): KeyRing {
    if (!this.inUse) throw new Error('the key ring is not loaded');
    return this.inUse;
  }

  /** The keys as they are written down. Another one than the first may still seal, and keys may open that are not here. */
  get written(): KeyRing {
    return this.taken?.ring ?? this.ring;
  }

  /** Where the ring lies; undefined where the environment spells it. */
  get path(): string | undefined {
    return this.config.ring ? undefined : resolve(this.config.file);
  }

  /** @throws KeyFileError when the file cannot be written, or holds anything but good keys */
  async load(): Promise<void> {
    if (this.config.ring) this.use(this.config.ring);
    else this.use((this.taken = await this.readOrGenerate(resolve(this.config.file))).ring);
  }

  /**
   * What the file holds now, if it was touched since a ring of it was taken.
   *
   * @throws KeyFileError when it is missing or holds anything but good keys
   */
  async changed(): Promise<FoundRing | undefined> {
    const { path } = this;
    if (path === undefined) return undefined;
    const found = await versionOf(path).catch((error: unknown) => {
      throw new KeyFileError(path, 'it cannot be read', error);
    });
    return found === this.taken?.version ? undefined : this.readOrGenerate(path, false);
  }

  /** What is written down is this from now on. */
  take(found: FoundRing): void {
    this.taken = found;
  }

  /** From now on these keys are used. They are known to be the right ones. */
  use(ring: KeyRing): void {
    this.inUse = ring;
  }

  private async readOrGenerate(file: string, mayGenerate = !this.config.isGiven): Promise<FoundRing> {
    let text: string;
    let version: string;
    try {
      if (mayGenerate && !(await isThere(file))) await generate(file);
      version = await versionOf(file); // before the content, or a change between the two would be missed
      text = await readFile(file, 'utf8');
    } catch (error) {
      throw new KeyFileError(file, 'it can be neither read nor written; check its rights', error);
    }
    const ring = KeyRing.parse(text);
    if (ring instanceof KeyRing) return { ring, version };
    throw new KeyFileError(file, `${ring.join(', ')}; restore it from a backup`);
  }
}

async function versionOf(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Writes aside, syncs and links into place: the file is whole or absent, and of two processes one wins. */
async function generate(file: string): Promise<void> {
  const id = `dev_${randomBytes(4).toString('hex')}`;
  const candidate = `${file}.${id}`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await writeSynced(candidate, `${id}:${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600 });
    await link(candidate, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(candidate, { force: true });
  }
  await syncDirectory(dirname(file));
}
