import { Log } from '#observability';
import type { Change } from '../database/transaction.js';
import type { ChangeListener } from './change-feed.js';

/** A moment by the clock of the database: RFC 3339, UTC, microseconds. Later ones sort behind earlier ones. */
export type Mark = string;

/** How many topics of tenants one listener takes over at the same time. */
const PARALLEL = 4;
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;

interface Errand {
  readonly change: Change;
  /** What was known before this was news: everything up to here is taken over, as far as this errand goes. */
  readonly since: Mark;
  /** How often it has failed. */
  readonly failures: number;
}

/**
 * What one listener has still to be told. News of a topic that is being told already waits, and counts once. A listener
 * that fails is told again, ever more rarely, until it succeeds; the others know nothing of it.
 */
export class ChangeErrands {
  private readonly waiting = new Map<string, Errand>();
  private readonly running = new Map<string, Errand>();
  private readonly resting = new Map<string, Errand>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private isClosed = false;

  constructor(
    private readonly listener: ChangeListener,
    private readonly log: Log,
    /** Called whenever an errand is done. */
    private readonly onDone: () => void,
  ) {}

  /** Tells at once where nothing of the topic is under way. */
  add(change: Change, since: Mark): void {
    if (this.isClosed) return;
    const key = keyOf(change);
    const before = this.waiting.get(key) ?? this.resting.get(key);
    this.wakeUp(key);
    this.waiting.set(key, before ?? { change, since, failures: 0 });
    this.next();
  }

  /** Up to where everything is taken over; undefined: nothing is left to tell. */
  oldest(): Mark | undefined {
    const all = [this.waiting, this.running, this.resting].flatMap((errands) => [...errands.values()]);
    return all.map(({ since }) => since).sort()[0];
  }

  /** Tells nothing any more. */
  close(): void {
    this.isClosed = true;
    for (const key of [...this.timers.keys()]) this.wakeUp(key);
    this.waiting.clear();
  }

  private next(): void {
    for (const [key, errand] of this.waiting) {
      if (this.running.size >= PARALLEL) return;
      if (this.running.has(key)) continue;
      this.waiting.delete(key);
      this.running.set(key, errand);
      this.run(key, errand);
    }
  }

  private run(key: string, errand: Errand): void {
    let work: void | Promise<void>;
    try {
      work = this.listener(errand.change);
    } catch (error) {
      this.ended(key, { errand, error });
      return;
    }
    if (!work) this.ended(key);
    else
      work.then(
        () => this.ended(key),
        (error: unknown) => this.ended(key, { errand, error }),
      );
  }

  private ended(key: string, failed?: { readonly errand: Errand; readonly error: unknown }): void {
    this.running.delete(key);
    if (failed && !this.isClosed) this.rest(key, failed.errand, failed.error);
    this.next();
    this.onDone();
  }

  private rest(key: string, errand: Errand, error: unknown): void {
    const again = { ...errand, failures: errand.failures + 1 };
    const longest = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** errand.failures);
    const ms = longest * (0.5 + Math.random() / 2);
    this.log.error('a change could not be taken over; it is tried again', {
      tenant: errand.change.tenantId,
      topic: errand.change.topic,
      failures: again.failures,
      err: error,
    });
    if (this.waiting.has(key)) {
      this.waiting.set(key, again); // news came meanwhile, which is no older than this
      return;
    }
    this.resting.set(key, again);
    const timer = setTimeout(() => {
      this.wakeUp(key);
      this.waiting.set(key, again);
      this.next();
    }, ms);
    this.timers.set(key, timer.unref());
  }

  private wakeUp(key: string): void {
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    this.resting.delete(key);
  }
}

export const keyOf = ({ tenantId, topic }: Change): string => `${tenantId}/${topic}`;
