import { type FileHandle, open, rm } from 'node:fs/promises';

export interface FileRights {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Writes a file that must not be there yet, and leaves none when that fails. When it returns, its content would survive a
 * power cut; its name would not.
 */
export async function writeSynced(file: string, text: string, { mode, uid, gid }: FileRights): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await finished(handle, async () => {
      await handle.chmod(mode); // the process may mask what it creates
      if (uid !== undefined && gid !== undefined) await handle.chown(uid, gid);
      await handle.writeFile(text);
      await handle.sync();
    });
  } catch (error) {
    await rm(file, { force: true }); // half of it may hold secrets, and would keep the next one out
    throw error;
  }
}

/** The names of files lie in their directory. */
export async function syncDirectory(directory: string): Promise<void> {
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
