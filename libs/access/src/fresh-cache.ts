import type { Clock } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';

const FRESH_MS = 60_000;
/** While the database is away: as long as anything may be let in without having been looked up. */
const STALE_MS = 300_000;

interface Entry<V> {
  readonly value: V;
  readonly readAt: number;
}

interface Reading<V> {
  readonly value: Promise<V>;
}

export interface FreshCacheOptions {
  readonly clock: Clock;
  /** How old, in milliseconds, the last proof is that no change was missed. */
  readonly staleness: () => number;
  readonly atMost: number;
}

/**
 * What was read from the store, until it changes: for 60 seconds at most, for 5 minutes while the database is away.
 * Nothing that was being read when `clear` was called is kept, or handed to whoever asks afterwards.
 */
export class FreshCache<V> {
  /** Least recently read first. */
  private entries = new Map<string, Entry<V>>();
  private readings = new Map<string, Reading<V>>();

  constructor(private readonly options: FreshCacheOptions) {}

  async get(key: string, read: () => Promise<V>): Promise<V> {
    const known = this.entries.get(key);
    if (known && this.isYounger(known, FRESH_MS)) return known.value;
    try {
      return await (this.readings.get(key) ?? this.start(key, read)).value;
    } catch (error) {
      if (error instanceof DatabaseUnavailableError && known && this.isYounger(known, STALE_MS)) return known.value;
      throw error;
    }
  }

  clear(): void {
    this.entries = new Map();
    this.readings = new Map();
  }

  private start(key: string, read: () => Promise<V>): Reading<V> {
    const { entries, readings } = this; // those of now: after `clear` nobody looks at them any more
    const readAt = this.options.clock.now();
    const value = read().then(
      (result) => {
        readings.delete(key);
        entries.delete(key);
        entries.set(key, { value: result, readAt });
        if (entries.size > this.options.atMost) entries.delete(entries.keys().next().value!);
        return result;
      },
      (error: unknown) => {
        readings.delete(key);
        throw error;
      },
    );
    const reading = { value };
    readings.set(key, reading);
    return reading;
  }

  private isYounger({ readAt }: Entry<V>, ms: number): boolean {
    return this.options.clock.now() - readAt < ms && this.options.staleness() < STALE_MS;
  }
}
