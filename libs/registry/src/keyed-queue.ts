import { TooManyChangesError } from './registry.errors.js';

/** How many changes of one key may be under way, the running one among them. */
const MAX_PER_KEY = 100;

interface Line {
  tail: Promise<unknown>;
  length: number;
}

/** Runs the work of one key in order, one at a time; different keys run side by side. */
export class KeyedQueue {
  private readonly lines = new Map<string, Line>();

  /** Rejects with `TooManyChangesError` if too much work of this key is waiting. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.lines.get(key) ?? { tail: Promise.resolve(), length: 0 };
    if (line.length >= MAX_PER_KEY) throw new TooManyChangesError();
    const run = line.tail.then(work);
    line.tail = run.catch(() => undefined);
    line.length++;
    this.lines.set(key, line);
    try {
      return await run;
    } finally {
      if (--line.length === 0) this.lines.delete(key);
    }
  }
}
