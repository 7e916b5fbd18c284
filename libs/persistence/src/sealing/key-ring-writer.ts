import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { KeyFileError } from '../persistence.errors.js';
import { syncDirectory, writeSynced } from './durable-file.js';
import { KeyRingFile } from './key-ring-file.js';
import { KeyRing } from './key-ring.js';
import { KEY_BYTES } from './key-strength.js';

/** Writing takes milliseconds; what is older was left by a process that was killed. */
const ABANDONED_MS = 60_000;

/**
 * Changes the file of the key ring: the new one is written aside, synced and moved over the old one, so that the file is
 * whole at any moment, whatever is killed. It keeps its owner and its rights.
 */
@Injectable()
export class KeyRingWriter {
  constructor(private readonly file: KeyRingFile) {}

  /** Whether there is a file, and this process may replace it. One that is a mount of its own cannot be replaced. */
  async mayWrite(): Promise<boolean> {
    const { path } = this.file;
    if (path === undefined) return false;
    try {
      const target = await realpath(path);
      const isOpen = await Promise.all([target, dirname(target)].map(isWritable));
      return isOpen.every(Boolean) && !(await isMount(target));
    } catch {
      return false;
    }
  }

  /**
   * Puts a new random key first.
   *
   * @returns its id
   * @throws KeyFileError
   */
  async addFirst(): Promise<string> {
    const id = `kek_${new Date().toISOString().slice(0, 10).replaceAll('-', '')}_${randomBytes(3).toString('hex')}`;
    await this.replace((entries) => [`${id}:${randomBytes(KEY_BYTES).toString('base64')}`, ...entries]);
    return id;
  }

  /** @throws KeyFileError */
  async remove(id: string): Promise<void> {
    await this.replace((entries) => entries.filter((entry) => !entry.startsWith(`${id}:`)));
  }

  private async replace(change: (entries: readonly string[]) => readonly string[]): Promise<void> {
    const path = this.file.path!;
    try {
      const target = await realpath(path);
      const [before, { mode, uid, gid }] = await Promise.all([readFile(target, 'utf8'), stat(target)]);
      const next = join(dirname(target), `.${basename(target)}.next`);
      await removeAbandoned(next);
      const text = `${change(KeyRing.entriesOf(before)).join('\n')}\n`;
      // Who has made this file may replace the ring. Who was faster in between is found out here.
      await writeSynced(next, text, { mode: mode & 0o777, uid, gid });
      try {
        if ((await readFile(target, 'utf8')) !== before) throw new Error('another process has just changed it');
        await rename(next, target);
      } catch (error) {
        await rm(next, { force: true }); // not after the rename: the name may be somebody else's by then
        throw error;
      }
      await syncDirectory(dirname(target));
    } catch (error) {
      const reason =
        'it cannot be replaced; check the rights on it and on its directory, and that nobody else changes it';
      throw new KeyFileError(path, reason, error);
    }
  }
}

async function removeAbandoned(file: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(file);
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(file, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Root may write everything; what nobody may write is not meant to be written by root either. */
async function isWritable(path: string): Promise<boolean> {
  await access(path, constants.W_OK);
  return ((await stat(path)).mode & 0o222) !== 0;
}

/** Containers mount single files, which can be written and not be replaced. Only Linux tells. */
async function isMount(file: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return mounts.split('\n').some((line) => line.split(' ')[4] === file);
}
