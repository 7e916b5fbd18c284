import { parentPort, workerData } from 'node:worker_threads';
import { messagesOf } from '../threads/thread-answer.js';
import { type SchemaOptions, compileSchema } from './compile-schema.js';

// What a thread of `ThreadSchemaImporter` runs: one schema, then it is ended. Nothing but its order gets in.
const { source, options } = workerData as { readonly source: Uint8Array; readonly options: SchemaOptions };
const messages = messagesOf(() => compileSchema(source, options));
parentPort?.on('message', () => parentPort?.postMessage(messages.next().value));
