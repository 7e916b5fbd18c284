import { parentPort, workerData } from 'node:worker_threads';
import { messagesOf } from '../threads/thread-answer.js';
import type { CompileOptions } from './compile-operations.js';
import { importDocument } from './import-document.js';

// What a thread of `ThreadDocumentImporter` runs: one document, then it is ended. Nothing but its order gets in.
const { source, options } = workerData as { readonly source: Uint8Array; readonly options: CompileOptions };
const messages = messagesOf(() => importDocument(source, options));
parentPort?.on('message', () => parentPort?.postMessage(messages.next().value));
