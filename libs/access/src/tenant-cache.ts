import type { Clock, TenantId } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import type { AccessChanges } from './access-changes.js';

export const FRESH_MS = 60_000;
/** While the database is away an answer is used for longer: rather a late revocation than an outage for everybody. */
export const USABLE_MS = 5 * 60_000;

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
 * Remembers what was looked up about a tenant: for a minute, for five while the database is away, and never past a
 * change of that tenant. Callers who want the same thing at the same moment share one trip for it.
 */
export class TenantCache<V> {
  /** Least recently used first. */
  private readonly entries = new Map<string, Entry<V>>();
  private readonly running = new Map<string, Lookup<V>>();

  constructor(
    private readonly changes: AccessChanges,
    private readonly clock: Clock,
    private readonly limit: number,
  ) {}

  async get(tenant: TenantId, key: string, look: () => Promise<V>): Promise<V> {
    const name = `${tenant}/${key}`;
    const known = this.usable(tenant, name);
    if (known && this.clock.now() - known.at < FRESH_MS) return known.value;
    try {
      return await this.once(tenant, name, look);
    } catch (error) {
      const left = error instanceof DatabaseUnavailableError ? this.usable(tenant, name) : undefined;
      if (left) return left.value;
      throw error;
    }
  }

  private usable(tenant: TenantId, name: string): Entry<V> | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    this.entries.delete(name);
    if (this.clock.now() - entry.at >= USABLE_MS || this.changes.hasChanged(tenant, entry.mark)) return undefined;
    this.entries.set(name, entry);
    return this.changes.areKnown() ? entry : undefined;
  }

  private once(tenant: TenantId, name: string, look: () => Promise<V>): Promise<V> {
    const running = this.running.get(name);
    if (running && !this.changes.hasChanged(tenant, running.mark)) return running.answer;
    const lookup = { answer: this.look(name, look), mark: this.changes.mark() };
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
    this.entries.delete(name);
    this.entries.set(name, { value, at, mark });
    if (this.entries.size > this.limit) this.entries.delete(this.entries.keys().next().value!);
    return value;
  }
}
