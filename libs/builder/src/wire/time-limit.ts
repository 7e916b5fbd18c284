import { MemberTimeoutError } from '../builder.errors.js';
import type { Deadlines } from './deadlines.js';

/** One limit of time that several steps share, in milliseconds from now. */
export class TimeLimit {
  private readonly end: number;

  constructor(private readonly totalMs: number) {
    this.end = performance.now() + totalMs;
  }

  /** Milliseconds that are left for the next step. Throws `MemberTimeoutError` if there are none. */
  left(): number {
    const left = this.end - performance.now();
    if (left <= 0) throw this.passed();
    return left;
  }

  /** What comes of work that others may wait for, too: it goes on when the limit has passed. */
  async waitFor<T>(work: Promise<T>, deadlines: Pick<Deadlines, 'add'>): Promise<T> {
    const leftMs = this.left();
    return new Promise((resolve, reject) => {
      const clear = deadlines.add(leftMs, () => reject(this.passed()));
      void work.then(resolve, reject).finally(clear);
    });
  }

  /** What to say when the limit has passed. */
  passed(): MemberTimeoutError {
    return new MemberTimeoutError(Math.ceil(this.totalMs / 1000));
  }
}
