import { ThreadAnswer } from '../threads/thread-answer.js';
import { ThreadTurns } from '../threads/thread-turns.js';
import { ThreadWork } from '../threads/thread-work.js';
import type { CompileOptions } from './compile-operations.js';
import type { DocumentImporter } from './document-importer.js';
import type { ImportedDocument } from './import-document.js';
import { ImportsBusyError, InvalidDocumentError } from './openapi.errors.js';

const FAULTS = {
  late: (seconds: number) => new InvalidDocumentError(`it takes longer than ${seconds} s to import`),
  tooLarge: (mib: number) => new InvalidDocumentError(`it takes more than ${mib} MiB to import`),
  busy: () => new ImportsBusyError(),
};

/** Each document in a thread of its own, which bounds the time and the memory that it takes. */
export class ThreadDocumentImporter implements DocumentImporter {
  private readonly work: ThreadWork<ImportedDocument>;

  /** @param entry the module of the thread */
  constructor(entry = new URL('./document.worker.js', import.meta.url), threads = new ThreadTurns()) {
    const answer = () => new ThreadAnswer<ImportedDocument>('a document could not be imported');
    this.work = new ThreadWork(entry, answer, FAULTS, threads);
  }

  import(source: Uint8Array, options: CompileOptions = {}, sharer = ''): Promise<ImportedDocument> {
    return this.work.run(source, options, sharer);
  }
}
