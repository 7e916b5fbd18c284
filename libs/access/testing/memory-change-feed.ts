import { type Change, ChangeFeed, type ChangeListener, type Replica } from '#persistence';

/** The changes of one process, told at once. */
export class MemoryChangeFeed extends ChangeFeed {
  private readonly listeners = new Set<ChangeListener>();
  /** What `staleness` answers. */
  age = 0;

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

  tell(change: Change): void {
    for (const listener of this.listeners) void listener(change);
  }
}
