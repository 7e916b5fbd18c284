import type { Change } from '../database/transaction.js';

/**
 * Takes over a change of any tenant. One that throws, or whose promise rejects, is told again until it succeeds; it
 * bounds its own waits. Called for several changes at the same time, but never twice at once for one topic of a tenant.
 */
export type ChangeListener = (change: Change) => void | Promise<void>;

/** A process that serves from the same store. */
export interface Replica {
  readonly id: string;
  /** Where it runs, for people: host and process id. */
  readonly name: string;
  /** How long it has not been heard of, in milliseconds. It may be gone, or cut off from the database. */
  readonly silentMs: number;
}

/**
 * Tells every replica what has changed in the store, whoever changed it: at once in the process that did, within two
 * seconds in all others. A change may be told twice, and several of one topic as one; none is lost. Listeners read what
 * they need anew, so an order is not promised.
 *
 * Nothing is missed by who listens first, and reads what he keeps after that.
 */
export abstract class ChangeFeed {
  /**
   * Begins to tell what other processes change; before that, what this one changes is all that is told. For processes
   * that serve, once, when the listeners are there. From then on this process is a replica that others wait for.
   */
  abstract follow(): Promise<void>;

  /** Calls `listener` for every change of every tenant from now on. Returns how to stop it. */
  abstract onChange(listener: ChangeListener): () => void;

  /** How old, in milliseconds, the last proof is that no change was missed. 0 where no other process can change anything. */
  abstract staleness(): number;

  /**
   * Waits until every replica has taken over what was committed before this call.
   *
   * @param timeoutMs how long to wait at most
   * @returns the replicas that had not by then, and those that have fallen silent without having stopped in order; empty if all have
   */
  abstract settled(timeoutMs: number): Promise<readonly Replica[]>;
}
