import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdCompiledEngine } from './compiled-engine.js';
import { type OpenDatabase, type OpenOptions, openDatabase } from './open-database.js';
import { runDirectory } from './run-directory.js';
import { until } from './until.js';

/** A migrated embedded database of its own. */
export async function openEmbeddedDatabase(options: OpenOptions = {}): Promise<OpenDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mcpc-data-'));
  try {
    await Promise.all([copyEmbeddedTemplate(dataDir), holdCompiledEngine()]);
    const open = await openDatabase({ type: 'embedded', dataDir }, options);
    const close = async (): Promise<void> => {
      await open.close();
      await rm(dataDir, { recursive: true, force: true });
    };
    return { ...open, close };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** Fills `dataDir` with a migrated cluster. */
export async function copyEmbeddedTemplate(dataDir: string): Promise<void> {
  await cp(await template(), dataDir, { recursive: true });
}

/** Building a cluster takes seconds, copying one a moment: the first worker that needs it builds it for all. */
async function template(): Promise<string> {
  const done = join(runDirectory(), 'embedded');
  if (existsSync(done)) return done;
  if (await isFirst(`${done}.claim`)) {
    const building = `${done}.building`;
    const open = await openDatabase({ type: 'embedded', dataDir: building });
    await open.close();
    await rename(building, done);
  } else {
    await until(() => existsSync(done), 'the first worker to build the embedded database');
  }
  return done;
}

async function isFirst(claim: string): Promise<boolean> {
  try {
    await mkdir(claim);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
