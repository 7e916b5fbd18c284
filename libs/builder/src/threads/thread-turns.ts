import { FairTurns, type TurnLimits } from './fair-turns.js';

export interface ThreadLimits extends TurnLimits {
  /** Of one thread's values, MiB. */
  readonly heapMib: number;
  /** Of one thread's work. */
  readonly deadlineMs: number;
}

// GitHub's document, indented, needs less than 128 MiB and one second of a processor that may have other things to do; the
// largest public schemas of GraphQL need as much time.
const LIMITS: ThreadLimits = { heapMib: 192, deadlineMs: 10_000, atOnce: 2, waiting: 100, waitingOfOne: 20 };

/** The threads of one process, for work of every kind on what strangers wrote: nobody gets more by asking in several ways. */
export class ThreadTurns {
  readonly limits: ThreadLimits;
  private readonly turns: FairTurns;

  constructor(limits: Partial<ThreadLimits> = {}) {
    this.limits = { ...LIMITS, ...limits };
    this.turns = new FairTurns(this.limits);
  }

  /**
   * @param sharer whose work it is: everybody gets a fair share of the threads
   * @returns how to give the turn back, once. Undefined: too many wait already
   */
  take(sharer: string): Promise<() => void> | undefined {
    return this.turns.take(sharer);
  }
}
