import { parentPort, workerData } from 'node:worker_threads';
import { type ImportOrder, messagesOf } from './import-answer.js';
import { importDocument } from './import-document.js';

// What a thread of `ThreadDocumentImporter` runs: one document, then it is ended. Nothing but its order gets in.
const { source, options } = workerData as ImportOrder;
const messages = messagesOf(() => importDocument(source, options));
parentPort?.on('message', () => parentPort?.postMessage(messages.next().value));
