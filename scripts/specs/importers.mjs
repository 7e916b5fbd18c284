import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const IMPORTER = fileURLToPath(new URL('./importer.mjs', import.meta.url));
const HEAP_MIB = 512;
const START_MS = 60_000;
/** After this an importer has hung: the composer itself gives up much earlier. */
const HUNG_MS = 30_000;
/** What is imported before memory is measured first, so that code and caches are not taken for a leak. */
const WARM_UP = 20;

const living = new Set();
process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));

/**
 * Imports every file in one of `count` processes; one that dies or hangs is replaced.
 *
 * @param note told each result as it comes
 * @param entry address of the module that threads run, in place of the composer's own
 * @param deed what is asked of them for each file; memory is measured for imports alone
 * @returns what each process that lived to the end had in memory, after the warm-up and at the end
 */
export async function importAll(folder, files, { count, note, entry, deed = 'import' }) {
  const waiting = [...files];
  const work = async () => {
    const memory = [];
    let importer = await startImporter(entry);
    let done = 0;
    let before = 0;
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await importer.ask({ deed, file: join(folder, file) });
      note({ file, ...result });
      if (importer.isOver) [importer, done] = [await startImporter(entry), 0];
      else if (deed === 'import' && ++done === WARM_UP) before = await importer.ask({ deed: 'memory' });
    }
    if (done > WARM_UP) memory.push({ before, after: await importer.ask({ deed: 'memory' }) });
    importer.end();
    return memory;
  };
  return (await Promise.all(Array.from({ length: Math.min(count, files.length) }, work))).flat();
}

async function startImporter(entry) {
  const execArgv = ['--expose-gc', `--max-old-space-size=${HEAP_MIB}`];
  const child = fork(IMPORTER, entry === undefined ? [] : [entry], {
    execArgv,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  living.add(child);
  const importer = new Importer(child);
  const said = await importer.said(START_MS);
  if (said !== 'ready') throw new Error(`an importer does not start: ${said.reason}`);
  return importer;
}

class Importer {
  #child;
  #log = '';
  isOver = false;

  constructor(child) {
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#log = (this.#log + text).slice(-2_000)));
    child.once('close', () => {
      living.delete(child);
      this.isOver = true;
    });
  }

  ask(question) {
    this.#child.send(question, () => undefined);
    return this.said(HUNG_MS);
  }

  /** What the process says next, or how it failed to. */
  said(withinMs) {
    return new Promise((resolve) => {
      const settle = (said) => {
        clearTimeout(timer);
        this.#child.off('message', settle).off('close', onEnd);
        resolve(said);
      };
      const onEnd = (code, signal) => settle({ outcome: 'crashed', ms: 0, reason: `${signal ?? code} ${this.#log}` });
      const timer = setTimeout(() => {
        this.end();
        this.isOver = true;
        settle({ outcome: 'hung', ms: withinMs, reason: `no answer within ${withinMs / 1000} s` });
      }, withinMs);
      this.#child.on('message', settle).once('close', onEnd);
    });
  }

  end() {
    this.#child.kill('SIGKILL');
  }
}
