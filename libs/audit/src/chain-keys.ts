import type { KeyObject } from 'node:crypto';
import type { TenantId } from '#kernel';
import type { KeyWrapper, WrappedKey } from '#persistence';
import { CHAIN_KEY } from './audit-hash.js';

const MAX_KEYS = 10_000;

/** The opened keys of the trails. */
export class ChainKeys {
  /** Least recently used first. A key belongs to its wrapping: that of a change that was undone is made anew. */
  private readonly keys = new Map<TenantId, { readonly wrapped: Buffer; readonly key: KeyObject }>();

  constructor(private readonly wrapper: KeyWrapper) {}

  /** @throws KeyMissingError, or Error when the key was altered */
  async open(tenant: TenantId, { keyId, wrapped }: WrappedKey): Promise<KeyObject> {
    const known = this.keys.get(tenant);
    this.keys.delete(tenant);
    const key = known?.wrapped.equals(wrapped)
      ? known.key
      : await this.wrapper.open(tenant, CHAIN_KEY, { keyId, wrapped });
    this.keys.set(tenant, { wrapped, key });
    if (this.keys.size > MAX_KEYS) this.keys.delete(this.keys.keys().next().value!);
    return key;
  }
}
