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
});
