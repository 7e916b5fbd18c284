// One process that imports documents as the composer does, one after the other, and tells its parent how it went.
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ThreadDocumentImporter } from '../../dist/libs/builder/src/openapi/thread.document-importer.js';

const documents = new ThreadDocumentImporter();
const DEEDS = { import: imported, memory };

process.on('message', async ({ deed, file }) => process.send(await DEEDS[deed](file)));
process.on('disconnect', () => process.exit());
process.send('ready');

async function imported(file) {
  const source = await readFile(file);
  const from = performance.now();
  try {
    const { operations, skipped } = await documents.import(source);
    return { outcome: 'imported', ms: performance.now() - from, operations: operations.length, skipped };
  } catch (error) {
    const ms = performance.now() - from;
    const isNamed = typeof error.code === 'string' && error.code.startsWith('COMPOSER_');
    return { outcome: isNamed ? 'refused' : 'crashed', ms, code: error.code, reason: error.message };
  }
}

/** Bytes that this process has after what it can give back is given back. */
async function memory() {
  for (let round = 0; round < 5; round++) {
    globalThis.gc();
    await pause(50);
  }
  return process.memoryUsage.rss();
}
