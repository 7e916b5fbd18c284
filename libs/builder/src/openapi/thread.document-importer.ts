import { Worker } from 'node:worker_threads';
import type { CompileOptions } from './compile-operations.js';
import type { DocumentImporter } from './document-importer.js';
import type { ImportedDocument } from './import-document.js';
import { ImportAnswer, type ImportMessage } from './import-answer.js';
import { ImportsBusyError, InvalidDocumentError } from './openapi.errors.js';

export interface ThreadLimits {
  /** Of the thread's values, MiB. */
  readonly heapMib: number;
  readonly deadlineMs: number;
  /** Threads at a time. */
  readonly atOnce: number;
  /** Documents that wait for one. */
  readonly waiting: number;
}

// GitHub's document, indented, needs less than 128 MiB and one second of a processor that may have other things to do.
const LIMITS: ThreadLimits = { heapMib: 192, deadlineMs: 10_000, atOnce: 2, waiting: 100 };
const YOUNG_MIB = 32;
const STACK_MIB = 4;

/**
 * Each document in a thread of its own that ends with it. Whatever a document makes the import do, it costs this much
 * time and memory and no more, and the event loop goes on: the answer comes in parts of a millisecond or two.
 */
export class ThreadDocumentImporter implements DocumentImporter {
  private readonly limits: ThreadLimits;
  private readonly queue: (() => void)[] = [];
  private running = 0;

  /** @param entry the module of the thread */
  constructor(
    private readonly entry = new URL('./document.worker.js', import.meta.url),
    limits: Partial<ThreadLimits> = {},
  ) {
    this.limits = { ...LIMITS, ...limits };
  }

  async import(source: Uint8Array, options: CompileOptions = {}): Promise<ImportedDocument> {
    await this.turn();
    try {
      return await this.inThread(source, options);
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.running--;
    }
  }

  // One that has ended hands its turn over, so that nobody gets in between.
  private turn(): Promise<void> | undefined {
    if (this.running < this.limits.atOnce) {
      this.running++;
      return undefined;
    }
    if (this.queue.length >= this.limits.waiting) throw new ImportsBusyError();
    return new Promise((resolve) => this.queue.push(resolve));
  }

  private async inThread(given: Uint8Array, options: CompileOptions): Promise<ImportedDocument> {
    // A copy, since what is handed over is gone here, and a buffer may be a part of a larger one.
    const source = new Uint8Array(given);
    const thread = new Worker(this.entry, {
      workerData: { source, options },
      transferList: [source.buffer],
      env: {},
      argv: [],
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: {
        maxOldGenerationSizeMb: this.limits.heapMib,
        maxYoungGenerationSizeMb: YOUNG_MIB,
        stackSizeMb: STACK_MIB,
      },
    });
    try {
      return await this.answerOf(thread);
    } finally {
      await thread.terminate();
    }
  }

  private answerOf(thread: Worker): Promise<ImportedDocument> {
    const { deadlineMs, heapMib } = this.limits;
    const answer = new ImportAnswer();
    return new Promise((resolve, reject) => {
      const late = new InvalidDocumentError(`it takes longer than ${deadlineMs / 1000} s to import`);
      const deadline = setTimeout(() => fail(late), deadlineMs);
      const fail = (error: Error): void => {
        clearTimeout(deadline);
        reject(error);
      };
      thread.on('error', (error: Error & { readonly code?: string }) => {
        const isTooLarge = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        fail(isTooLarge ? new InvalidDocumentError(`it takes more than ${heapMib} MiB to import`) : error);
      });
      thread.on('exit', () => fail(new Error('the thread that imports a document has ended')));
      thread.on('message', (message: ImportMessage) => {
        try {
          const whole = answer.take(message);
          if (!whole) return thread.postMessage('next');
          clearTimeout(deadline);
          resolve(whole);
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)));
        }
      });
      thread.postMessage('next');
    });
  }
}
