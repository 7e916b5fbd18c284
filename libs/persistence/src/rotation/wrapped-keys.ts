import type { DataKeyRef } from '../sealing/key-provider.js';
import type { WrappedKey } from '../sealing/key-wrapper.js';

/** A wrapped key as a store holds it. */
export interface StoredWrapping extends WrappedKey {
  /** What it was wrapped for, and is wrapped for again. */
  readonly ref: DataKeyRef;
  /** Where it stands among the others of its store: `underOthers` goes on behind it. */
  readonly place: string;
}

export interface Rewrapping {
  readonly before: StoredWrapping;
  /** The same key, wrapped by the key that seals now. */
  readonly after: WrappedKey;
}

/**
 * A place where keys of tenants lie that a key of the ring has wrapped. Each kind of such keys has one, or the ring's
 * key would be dropped while they still need it. Sees those of all tenants.
 */
export abstract class WrappedKeys {
  /** For people, such as `data_keys`. */
  abstract readonly name: string;

  /** How many there are, by the key of the ring that wraps them. */
  abstract count(): Promise<ReadonlyMap<string, number>>;

  /**
   * Some that another key than `keyId` wraps. The order of places does not change, and what is added meanwhile may be
   * left out.
   *
   * @param after go on behind this place
   */
  abstract underOthers(keyId: string, after: string | undefined, limit: number): Promise<readonly StoredWrapping[]>;

  /**
   * Puts each new wrapping in place of the old one, where that is still there byte for byte. What somebody else is
   * changing at the moment may be left as it is. Durable when it returns.
   *
   * @returns how many were replaced
   */
  abstract replace(rewrappings: readonly Rewrapping[]): Promise<number>;
}
