import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { KeyProvider } from '../sealing/key-provider.js';
import type { WrappedKey } from '../sealing/key-wrapper.js';
import type { Rewrapping, StoredWrapping, WrappedKeys } from './wrapped-keys.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

/** Wrapped keys of one round trip there and back. */
const BATCH = 250;

export interface Rewrapped {
  readonly rewrapped: number;
  /** How many do not open, and were left. */
  readonly broken: number;
}

export interface RewrapOptions {
  /** Called after each batch, with how many were re-wrapped until now. What it throws ends the run. */
  readonly onBatch?: (rewrapped: number) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Wraps everything with one key that other keys of the ring have wrapped: the keys of tenants themselves stay what they
 * are, so nothing that they have sealed is touched. It may be killed and begun again at any moment, and run beside
 * itself: each key is replaced if it is still the one that was read.
 */
@Injectable()
export class KeyRewrap {
  constructor(
    private readonly stores: WrappedKeyStores,
    private readonly provider: KeyProvider,
    private readonly log: Log,
  ) {}

  /** Goes once over everything. What somebody else is changing at the moment, and what does not open, is left. */
  async run(keyId: string, options: RewrapOptions = {}): Promise<Rewrapped> {
    let rewrapped = 0;
    let broken = 0;
    for (const store of this.stores.list()) {
      let after: string | undefined;
      while (!options.signal?.aborted) {
        const batch = await store.underOthers(keyId, after, BATCH);
        if (batch.length === 0) break;
        const rewrappings = await this.rewrapped(store, keyId, batch);
        broken += batch.length - rewrappings.length;
        if (rewrappings.length > 0) rewrapped += await store.replace(rewrappings);
        after = batch.at(-1)!.place;
        await options.onBatch?.(rewrapped);
      }
    }
    return { rewrapped, broken };
  }

  private async rewrapped(store: WrappedKeys, keyId: string, batch: readonly StoredWrapping[]): Promise<Rewrapping[]> {
    const rewrappings: Rewrapping[] = [];
    for (const before of batch) {
      const after = await this.wrappedAnew(store, keyId, before);
      if (after) rewrappings.push({ before, after });
    }
    return rewrappings;
  }

  private async wrappedAnew(
    store: WrappedKeys,
    keyId: string,
    { ref, keyId: from, wrapped }: StoredWrapping,
  ): Promise<WrappedKey | undefined> {
    let bytes: Buffer;
    try {
      bytes = await this.provider.unwrap(from, ref, wrapped);
    } catch (error) {
      this.log.error('a wrapped key does not open and is left as it is', {
        store: store.name,
        tenant: ref.tenantId,
        key: from,
        err: error,
      });
      return undefined;
    }
    try {
      return { keyId, wrapped: await this.provider.wrap(keyId, ref, bytes) };
    } finally {
      bytes.fill(0);
    }
  }
}
