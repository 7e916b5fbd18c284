import { ChangeFeed, type ChangeListener, type Replica } from '../src/changes/change-feed.js';
import type { Change } from '../src/database/transaction.js';

/** A feed of one process for tests, which say themselves what has changed. */
export class MemoryChangeFeed extends ChangeFeed {
  /** What `staleness` answers. */
  age = 0;
  private readonly listeners = new Set<ChangeListener>();

  /** Resolves when every listener has taken the change over; rejects as the first of them that did not. */
  async tell(change: Change): Promise<void> {
    await Promise.all([...this.listeners].map(async (listener) => listener(change)));
  }

  override async follow(): Promise<void> {}

  override onChange(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  override staleness(): number {
    return this.age;
  }

  override async settled(): Promise<readonly Replica[]> {
    return [];
  }
}
