import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it } from '@jest/globals';
import { importDocument } from './import-document.js';
import { ImportsBusyError } from './openapi.errors.js';
import { throughMessages } from '../../testing/through-messages.js';
import { ThreadAnswer } from '../threads/thread-answer.js';
import { ThreadTurns, type ThreadLimits } from '../threads/thread-turns.js';
import { ThreadDocumentImporter } from './thread.document-importer.js';

/** A thread of the test's own: this code is TypeScript here, which no thread can load. */
function importer(code: string, limits: Partial<ThreadLimits> = {}): ThreadDocumentImporter {
  const before = `import { parentPort, workerData } from 'node:worker_threads';\n`;
  const entry = new URL(`data:text/javascript,${encodeURIComponent(before + code)}`);
  return new ThreadDocumentImporter(entry, new ThreadTurns(limits));
}

const SOURCE = Buffer.from('{}');
const SAYS_END = `parentPort.on('message', () => parentPort.postMessage({ kind: 'end', lists: [], rest: { title: 'a' } }));`;

describe('a document that is imported in a thread', () => {
  it('is ended at its deadline, while the event loop goes on', async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await expect(importer('for (;;);', { deadlineMs: 300 }).import(SOURCE)).rejects.toMatchObject({
      code: 'COMPOSER_OPENAPI_INVALID_DOCUMENT',
      message: expect.stringContaining('it takes longer than 0.3 s to import'),
    });
    delay.disable();
    expect(delay.percentile(50) / 1e6).toBeLessThan(50);
  });

  it('is ended when it takes too much memory', async () => {
    const hog = 'const all = []; for (;;) all.push(new Array(1000).fill(all.length));';
    await expect(importer(hog, { heapMib: 16 }).import(SOURCE)).rejects.toMatchObject({
      code: 'COMPOSER_OPENAPI_INVALID_DOCUMENT',
      message: expect.stringContaining('it takes more than 16 MiB to import'),
    });
  });

  it('gets its order and nothing of this process', async () => {
    const tells = `
      const { source, options } = workerData;
      const title = JSON.stringify([Buffer.from(source).toString(), options, Object.keys(process.env), process.argv.length]);
      parentPort.on('message', () => parentPort.postMessage({ kind: 'end', lists: [], rest: { title } }));`;
    const whole = Buffer.from('x{"a":1}');
    const { title } = await importer(tells).import(whole.subarray(1), { maxOperations: 7 });
    expect(JSON.parse(title)).toEqual(['{"a":1}', { maxOperations: 7 }, [], 1]);
    expect(whole.toString()).toBe('x{"a":1}');
  });

  it.each(['throw new Error("a defect");', 'process.exit(3);'])('tells of a thread that fails: %s', async (code) => {
    await expect(importer(code).import(SOURCE)).rejects.toThrow(/a defect|has ended/);
  });

  it('waits for its turn, and is refused if too many wait', async () => {
    const busy = importer(SAYS_END, { atOnce: 1, waiting: 2 });
    const all = await Promise.allSettled([1, 2, 3, 4].map(() => busy.import(SOURCE)));
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect((all[3] as PromiseRejectedResult).reason).toBeInstanceOf(ImportsBusyError);
    await expect(busy.import(SOURCE)).resolves.toMatchObject({ title: 'a' });
  });

  it('leaves the next one its turn when it fails', async () => {
    const failing = importer('process.exit(1);', { atOnce: 1 });
    const all = await Promise.allSettled([failing.import(SOURCE), failing.import(SOURCE)]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

describe('the answer of a thread', () => {
  const take = (work: () => ReturnType<typeof importDocument>) =>
    throughMessages(work, new ThreadAnswer('a document could not be imported'));

  it('is what was imported, in parts that are read quickly', () => {
    const description = 'x'.repeat(2_000);
    const paths = Object.fromEntries(
      Array.from({ length: 400 }, (_, n) => [`/${n}`, n % 3 ? { get: { description } } : { trace: {} }]),
    );
    const imported = importDocument(Buffer.from(JSON.stringify({ openapi: '3.1.0', info: { title: 'A' }, paths })));
    const { whole, sizes } = take(() => imported);
    expect(whole).toEqual(imported);
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThan(400 * 1024);
  });

  it('is the error that the document has, with its faults', () => {
    expect(() => take(() => importDocument(Buffer.from('{"openapi":"4.0"}')))).toThrow(
      expect.objectContaining({
        code: 'COMPOSER_OPENAPI_UNSUPPORTED_VERSION',
        status: 422,
        faults: [{ path: 'open_api.spec', message: expect.any(String) }],
      }),
    );
  });

  it('is no error of the document where the import has a defect', () => {
    const defect = (): never => {
      throw new TypeError('a is undefined');
    };
    expect(() => take(defect)).toThrow(/could not be imported: TypeError: a is undefined/);
  });
});
