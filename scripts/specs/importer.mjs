// One process that imports documents as the composer does, one after the other, and tells its parent how it went.
import { createHash } from 'node:crypto';
import { openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import { ThreadDocumentImporter } from '../../dist/libs/builder/src/openapi/thread.document-importer.js';

const documents = new ThreadDocumentImporter(process.argv[2] === undefined ? undefined : new URL(process.argv[2]));
/** Doors that threads have opened, where the entry of a thread tells. */
const reached = new Set();
const told = new BroadcastChannel('reached');
told.onmessage = ({ data }) => reached.add(data);
told.unref();
// What measures is made once, and every reading goes to the same place: what it leaves in memory would be taken for that of
// the importer.
const loop = monitorEventLoopDelay({ resolution: 5 });
loop.enable();
const schedule = openSchedule();
const scheduleText = Buffer.alloc(128);

const IDLE_ROUNDS = 10;
const MOST_ROUNDS = 80;
const IDLE_MS = 300;
/** The engine keeps pages for values to come; once it has given back all but this it has come to rest. */
const KEPT = 8 * 1024 * 1024;
const DEEDS = { import: imported, memory, digest };

process.on('message', async ({ deed, file }) => process.send(await DEEDS[deed](file)));
process.on('disconnect', () => process.exit());
process.send('ready');

async function imported(file) {
  const source = await readFile(file);
  loop.reset();
  const used = process.cpuUsage();
  const turns = watchTurns();
  const told = await outcomeOf(source);
  const blocked = turns.end();
  const { user, system } = process.cpuUsage(used);
  return {
    ...told,
    cpu: (user + system) / 1000,
    delay: Math.max(0, loop.max / 1e6 - 5),
    blocked,
    reached: [...reached],
  };
}

/**
 * How long at most this thread has worked without giving other work its turn, in ms of the processor: what others do to
 * the machine meanwhile does not count. Undefined where the system does not tell.
 */
function watchTurns() {
  let last = threadMs();
  let most = 0;
  const note = () => {
    const now = threadMs();
    most = Math.max(most, now - last);
    last = now;
  };
  const timer = setInterval(note, 1);
  return {
    end() {
      clearInterval(timer);
      note();
      return Number.isNaN(most) ? undefined : most;
    },
  };
}

function threadMs() {
  if (schedule === undefined) return NaN;
  const length = readSync(schedule, scheduleText, 0, scheduleText.length, 0);
  return parseInt(scheduleText.latin1Slice(0, length), 10) / 1e6;
}

function openSchedule() {
  try {
    return openSync(`/proc/${process.pid}/task/${process.pid}/schedstat`);
  } catch {
    return undefined;
  }
}

async function outcomeOf(source) {
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

/** What the document makes, as a hash. Nothing of this is measured. */
async function digest(file) {
  try {
    const made = await documents.import(await readFile(file));
    return { outcome: 'imported', hash: createHash('sha256').update(JSON.stringify(made)).digest('hex') };
  } catch (error) {
    return { outcome: 'refused', reason: error.message };
  }
}

/** Bytes that this process has after what it can give back is given back, for which the engine wants to be idle. */
async function memory() {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    globalThis.gc();
    await pause(IDLE_MS);
    const { heapTotal, heapUsed } = process.memoryUsage();
    if (round >= IDLE_ROUNDS && heapTotal - heapUsed < KEPT) break;
  }
  return process.memoryUsage.rss();
}
