import { Injectable } from '@nestjs/common';
import type { WrappedKeys } from './wrapped-keys.js';

/** Every place where the key ring has wrapped something. Libs that wrap keys add theirs when they are initialised. */
@Injectable()
export class WrappedKeyStores {
  private readonly stores = new Map<string, WrappedKeys>();

  add(store: WrappedKeys): void {
    this.stores.set(store.name, store);
  }

  list(): readonly WrappedKeys[] {
    return [...this.stores.values()];
  }

  /** How many keys each key of the ring wraps, in all places together. */
  async count(): Promise<ReadonlyMap<string, number>> {
    const sums = new Map<string, number>();
    for (const store of this.stores.values()) {
      for (const [keyId, count] of await store.count()) sums.set(keyId, (sums.get(keyId) ?? 0) + count);
    }
    return sums;
  }
}
