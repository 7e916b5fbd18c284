import type { Change } from '../database/transaction.js';

export type ChangeListener = (change: Change) => void | Promise<void>;

/** A process that serves from the same store. */
export interface Replica {
  readonly id: string;
  /** Where it runs, for people: host and process id. */
  readonly name: string;
}

/**
 * Tells every replica what has changed in the store, whoever changed it: at once in the process that did, within two
 * seconds in all others. A change may be told twice, and several of one topic as one; none is lost. Listeners read what
 * they need anew, so an order is not promised.
 */
export abstract class ChangeFeed {
  /** Calls `listener` for every change of every tenant from now on. Returns how to stop it. */
  abstract onChange(listener: ChangeListener): () => void;

  /** How old, in milliseconds, the last proof is that no change was missed. 0 where no other process can change anything. */
  abstract staleness(): number;

  /**
   * Waits until every replica has taken over what was committed before this call.
   *
   * @param timeoutMs how long to wait at most
   * @returns the replicas that had not by then; empty if all have
   */
  abstract settled(timeoutMs: number): Promise<readonly Replica[]>;
}
