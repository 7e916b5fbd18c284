/** Lets those who want the same thing do their work one after the other, in the order in which they came. */
export class Turns<K> {
  private readonly last = new Map<K, Promise<void>>();

  async take<T>(thing: K, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(thing) ?? Promise.resolve();
    const result = before.then(work);
    const over = result.then(
      () => undefined,
      () => undefined,
    );
    this.last.set(thing, over);
    try {
      return await result;
    } finally {
      if (this.last.get(thing) === over) this.last.delete(thing);
    }
  }
}
