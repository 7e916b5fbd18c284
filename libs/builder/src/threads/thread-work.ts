import { Worker } from 'node:worker_threads';
import type { ThreadTurns } from './thread-turns.js';

/** Puts together what a thread says: the whole once it is there. Throws what the thread refused its order with. */
export interface AnswerTaker<T> {
  take(message: never): T | undefined;
}

/** What a kind of work in threads is told as when it goes beyond its bounds. */
export interface ThreadFaults {
  late(seconds: number): Error;
  tooLarge(mib: number): Error;
  busy(): Error;
}

/** Bytes that are copied at once: less than a millisecond, and other work gets its turn between two portions. */
const PORTION_BYTES = 1024 * 1024;
const YOUNG_MIB = 32;
const STACK_MIB = 4;

/**
 * Each piece of work in a thread of its own that ends with it. Whatever a stranger's input makes the work do, it costs this
 * much time and memory and no more, and the event loop goes on: the answer comes in parts, each when it is asked for.
 */
export class ThreadWork<T> {
  /**
   * @param entry the module of the thread
   * @param answer takes the messages of one thread
   * @param threads whose turns and bounds these are
   */
  constructor(
    private readonly entry: URL,
    private readonly answer: () => AnswerTaker<T>,
    private readonly faults: ThreadFaults,
    private readonly threads: ThreadTurns,
  ) {}

  /**
   * @param given not to be changed before it is over, and not used after it
   * @param sharer whose work it is: everybody gets a fair share of the threads
   */
  async run(given: Uint8Array, options: object, sharer: string): Promise<T> {
    const turn = this.threads.take(sharer);
    if (!turn) throw this.faults.busy();
    const end = await turn;
    try {
      return await this.inThread(given, options);
    } finally {
      end();
    }
  }

  private async inThread(given: Uint8Array, options: object): Promise<T> {
    const source = await copyOf(given);
    const thread = new Worker(this.entry, {
      workerData: { source, options },
      transferList: [source.buffer],
      env: {},
      argv: [],
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: {
        maxOldGenerationSizeMb: this.threads.limits.heapMib,
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

  private answerOf(thread: Worker): Promise<T> {
    const { deadlineMs, heapMib } = this.threads.limits;
    const answer = this.answer();
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => fail(this.faults.late(deadlineMs / 1000)), deadlineMs);
      const fail = (error: Error): void => {
        clearTimeout(deadline);
        reject(error);
      };
      thread.on('error', (error: Error & { readonly code?: string }) => {
        fail(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? this.faults.tooLarge(heapMib) : error);
      });
      thread.on('exit', () => fail(new Error('the thread has ended before its work was done')));
      thread.on('message', (message: unknown) => {
        try {
          const whole = answer.take(message as never);
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

/** To hand over, since what is handed over is gone here, and a buffer may be a part of a larger one. */
async function copyOf(given: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const copy = new Uint8Array(given.length);
  for (let at = 0; at < given.length; at += PORTION_BYTES) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    copy.set(given.subarray(at, at + PORTION_BYTES), at);
  }
  return copy;
}
