import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SchemasBusyError } from '../graphql/graphql.errors.js';
import { ThreadSchemaImporter } from '../graphql/thread.schema-importer.js';
import { ImportsBusyError } from '../openapi/openapi.errors.js';
import { ThreadDocumentImporter } from '../openapi/thread.document-importer.js';
import { ThreadTurns } from './thread-turns.js';

// Threads of the test's own: the composer's code is TypeScript here, which no thread can load.
const ENTRY = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', () => parentPort.postMessage({ kind: 'end', lists: [], rest: { title: 'a' } }));`)}`,
);
const SOURCE = Buffer.from('{}');

describe('the threads of a process', () => {
  it('are the same for documents and for schemas', async () => {
    const threads = new ThreadTurns({ atOnce: 1, waiting: 2, waitingOfOne: 1 });
    const documents = new ThreadDocumentImporter(ENTRY, threads);
    const schemas = new ThreadSchemaImporter(ENTRY, threads);
    const order: string[] = [];
    const ask = (name: string, work: Promise<unknown>) =>
      work.then(
        () => order.push(name),
        (error: Error) => order.push(`${name}: ${error.constructor.name}`),
      );
    await Promise.all([
      ask('first', documents.import(SOURCE, {}, 'a')),
      ask('second', schemas.import(SOURCE, {} as never, 'a')),
      ask('third of one tenant', documents.import(SOURCE, {}, 'a')),
      ask('of another', documents.import(SOURCE, {}, 'b')),
      ask('beyond all places', schemas.import(SOURCE, {} as never, 'c')),
    ]);
    expect(order).toEqual([
      `third of one tenant: ${ImportsBusyError.name}`,
      `beyond all places: ${SchemasBusyError.name}`,
      'first',
      'second',
      'of another',
    ]);
  });

  it('are given a large document in portions, so that other work gets its turn', async () => {
    const entry = new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { createHash } from 'node:crypto';
        import { parentPort, workerData } from 'node:worker_threads';
        const title = createHash('sha256').update(workerData.source).digest('hex');
        parentPort.on('message', () => parentPort.postMessage({ kind: 'end', lists: [], rest: { title } }));`)}`,
    );
    const source = randomBytes(5 * 1024 * 1024 + 3);
    const portions: number[] = [];
    let turns = 0;
    let immediate = setImmediate(function turn() {
      turns++;
      immediate = setImmediate(turn);
    });
    const turnsAt: number[] = [];
    source.subarray = (from = 0, to = source.length) => {
      turnsAt.push(turns);
      const portion = Uint8Array.prototype.subarray.call(source, from, to);
      portions.push(portion.length);
      return portion as typeof source;
    };
    const { title } = await new ThreadDocumentImporter(entry, new ThreadTurns()).import(source);
    clearImmediate(immediate);
    expect(title).toBe(createHash('sha256').update(source).digest('hex'));
    expect(portions).toEqual([...Array(5).fill(1024 * 1024), 3]);
    expect(new Set(turnsAt).size).toBe(6);
  });
});
