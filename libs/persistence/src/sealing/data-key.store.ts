import type { TenantId } from '#kernel';

/** One wrapped data key of one tenant. */
export interface StoredDataKey {
  readonly id: string;
  /** The key of the key ring that it is wrapped with. */
  readonly keyId: string;
  readonly wrapped: Buffer;
  readonly createdAt: Date;
}

/** Durable home of wrapped data keys. Safe across processes: a tenant has at most one active key at any time. */
export abstract class DataKeyStore {
  /** The key that seals for the tenant. */
  abstract readActive(tenant: TenantId): Promise<StoredDataKey | undefined>;

  /** Any key of the tenant, also one that no longer seals. Works inside a transaction of the same tenant. */
  abstract read(tenant: TenantId, id: string): Promise<StoredDataKey | undefined>;

  /**
   * Makes `key` the active one, in place of the one with the id `replaces`. If another process was faster, its key
   * stays. Durable when it returns.
   *
   * @returns the key that is active now
   * @throws UnknownTenantError
   * @throws KeyDroppedError when the key of the ring that wraps it was dropped: what is stored stays readable
   */
  abstract insert(tenant: TenantId, key: StoredDataKey, replaces?: string): Promise<StoredDataKey>;

  /**
   * Keeps a key that seals nothing and is found by its id alone. If another process was faster, its key stays. Durable
   * when it returns.
   *
   * @returns the key that has this id now
   * @throws UnknownTenantError, KeyDroppedError
   */
  abstract keep(tenant: TenantId, key: StoredDataKey): Promise<StoredDataKey>;
}
