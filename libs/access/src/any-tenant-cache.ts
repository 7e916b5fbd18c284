import type { Clock } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import type { AccessChanges } from './access-changes.js';
import { FRESH_MS, USABLE_MS } from './tenant-cache.js';

interface Entry<V> {
  readonly value: V;
  readonly at: number;
  readonly mark: number;
}

interface Lookup<V> {
  readonly answer: Promise<V>;
  readonly mark: number;
}

/**
 * Remembers what was looked up in all tenants at once: for a minute, for five while the database is away, and never past
 * a change of any tenant. Callers who want the same thing at the same moment share one trip for it.
 */
export class AnyTenantCache<V> {
  /** The one that was looked up longest ago first. */
  private readonly entries = new Map<string, Entry<V>>();
  private readonly running = new Map<string, Lookup<V>>();

  constructor(
    private readonly changes: AccessChanges,
    private readonly clock: Clock,
    private readonly limit: number,
  ) {}

  async get(key: string, look: () => Promise<V>): Promise<V> {
    const known = this.usable(key);
    if (known && this.clock.now() - known.at < FRESH_MS) return known.value;
    try {
      return await this.once(key, look);
    } catch (error) {
      const left = error instanceof DatabaseUnavailableError ? this.usable(key) : undefined;
      if (left) return left.value;
      throw error;
    }
  }

  private usable(key: string): Entry<V> | undefined {
    const entry = this.entries.get(key);
    if (!entry || !this.changes.areKnown() || this.changes.hasAnyChanged(entry.mark)) return undefined;
    return this.clock.now() - entry.at < USABLE_MS ? entry : undefined;
  }

  private once(key: string, look: () => Promise<V>): Promise<V> {
    const running = this.running.get(key);
    if (running && !this.changes.hasAnyChanged(running.mark)) return running.answer;
    const lookup = { mark: this.changes.mark(), answer: this.look(key, look) };
    this.running.set(key, lookup);
    const done = (): void => {
      if (this.running.get(key) === lookup) this.running.delete(key);
    };
    lookup.answer.then(done, done);
    return lookup.answer;
  }

  private async look(key: string, look: () => Promise<V>): Promise<V> {
    const [mark, at] = [this.changes.mark(), this.clock.now()];
    const value = await look();
    // A look that began before a change may end after one that began behind it.
    if ((this.entries.get(key)?.mark ?? 0) > mark) return value;
    this.entries.delete(key);
    this.entries.set(key, { value, at, mark });
    if (this.entries.size > this.limit) this.entries.delete(this.entries.keys().next().value!);
    return value;
  }
}
