import type { Clock, TenantId } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import type { AccessChanges } from './access-changes.js';

export const FRESH_MS = 60_000;
/** While the database is away an answer is used for longer: rather a late revocation than an outage for everybody. */
export const USABLE_MS = 5 * 60_000;

/** Whose changes void an answer: those of one tenant, or, of what was looked up in all of them at once, those of any. */
export type CacheScope = TenantId | typeof EVERY_TENANT;
export const EVERY_TENANT = 'every-tenant';

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
 * Remembers what was looked up: for a minute, for five while the database is away, and never past a change of its scope.
 * Callers who want the same thing at the same moment share one trip for it.
 */
export class AccessCache<V> {
  /** Least recently used first. */
  private readonly entries = new Map<string, Entry<V>>();
  private readonly running = new Map<string, Lookup<V>>();

  constructor(
    private readonly changes: AccessChanges,
    private readonly clock: Clock,
    private readonly limit: number,
  ) {}

  async get(scope: CacheScope, key: string, look: () => Promise<V>): Promise<V> {
    const name = `${scope}/${key}`;
    const known = this.usable(scope, name);
    if (known && this.clock.now() - known.at < FRESH_MS) return known.value;
    try {
      return await this.once(scope, name, look);
    } catch (error) {
      const left = error instanceof DatabaseUnavailableError ? this.usable(scope, name) : undefined;
      if (left) return left.value;
      throw error;
    }
  }

  private usable(scope: CacheScope, name: string): Entry<V> | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    this.entries.delete(name);
    if (this.clock.now() - entry.at >= USABLE_MS || this.hasChanged(scope, entry.mark)) return undefined;
    this.entries.set(name, entry);
    return this.changes.areKnown() ? entry : undefined;
  }

  private once(scope: CacheScope, name: string, look: () => Promise<V>): Promise<V> {
    const running = this.running.get(name);
    if (running && !this.hasChanged(scope, running.mark)) return running.answer;
    const lookup = { mark: this.changes.mark(), answer: this.look(name, look) };
    this.running.set(name, lookup);
    const done = (): void => {
      if (this.running.get(name) === lookup) this.running.delete(name);
    };
    lookup.answer.then(done, done);
    return lookup.answer;
  }

  private async look(name: string, look: () => Promise<V>): Promise<V> {
    const [mark, at] = [this.changes.mark(), this.clock.now()];
    const value = await look();
    // A look that began before a change may end after one that began behind it.
    if ((this.entries.get(name)?.mark ?? 0) > mark) return value;
    this.entries.delete(name);
    this.entries.set(name, { value, at, mark });
    if (this.entries.size > this.limit) this.entries.delete(this.entries.keys().next().value!);
    return value;
  }

  private hasChanged(scope: CacheScope, since: number): boolean {
    return scope === EVERY_TENANT ? this.changes.hasAnyChanged(since) : this.changes.hasChanged(scope, since);
  }
}
