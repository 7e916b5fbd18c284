import type { TenantId } from '#kernel';
import { DataKeyStore, type StoredDataKey } from '../src/sealing/data-key.store.js';

interface Entry {
  readonly key: StoredDataKey;
  retired: boolean;
}

/** Data keys of one process, for tests that need no database. Every tenant exists. */
export class MemoryDataKeyStore extends DataKeyStore {
  private readonly tenants = new Map<TenantId, Entry[]>();

  async readActive(tenant: TenantId): Promise<StoredDataKey | undefined> {
    return this.of(tenant).find(({ retired }) => !retired)?.key;
  }

  async read(tenant: TenantId, id: string): Promise<StoredDataKey | undefined> {
    return this.of(tenant).find(({ key }) => key.id === id)?.key;
  }

  async insert(tenant: TenantId, key: StoredDataKey, replaces?: string): Promise<StoredDataKey> {
    const entries = this.of(tenant);
    for (const entry of entries) if (entry.key.id === replaces) entry.retired = true;
    const active = entries.find(({ retired }) => !retired);
    if (active) return active.key;
    this.tenants.set(tenant, [...entries, { key, retired: false }]);
    return key;
  }

  async keep(tenant: TenantId, key: StoredDataKey): Promise<StoredDataKey> {
    const found = this.of(tenant).find((entry) => entry.key.id === key.id)?.key;
    if (!found) this.tenants.set(tenant, [...this.of(tenant), { key, retired: true }]);
    return found ?? key;
  }

  private of(tenant: TenantId): Entry[] {
    return this.tenants.get(tenant) ?? [];
  }
}
