import { type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock, type TenantId } from '#kernel';
import { isInside } from '../database/current-transaction.js';
import { DataKeyStore, type StoredDataKey } from './data-key.store.js';
import { KeyProvider } from './key-provider.js';
import { KEY_BYTES } from './key-strength.js';

const CACHE_MS = 5 * 60_000;
const CACHE_KEYS = 2_000;
const MAX_AGE_MS = 90 * 24 * 3_600_000;
/**
 * Random nonces allow one key 2^32 messages (NIST SP 800-38D, 8.3) and we stop at 2^31. Processes do not count
 * together; at this limit each, thirty-two of them stay below.
 */
const MAX_SEALS = 2 ** 26;

/** An unwrapped data key. A `KeyObject` lies outside the heap that JavaScript can print or copy. */
export interface DataKey {
  readonly id: string;
  readonly key: KeyObject;
}

interface Cached extends DataKey {
  readonly createdAt: Date;
  readonly until: number;
  seals: number;
}

/** Hands out unwrapped data keys: made on first use, replaced in time, kept in memory for at most five minutes. */
@Injectable()
export class DataKeyKeeper {
  /** By tenant and id; the least recently used first. */
  private readonly cache = new Map<string, Cached>();
  private readonly active = new Map<TenantId, string>();
  private readonly loading = new Map<string, Promise<Cached | undefined>>();

  constructor(
    private readonly store: DataKeyStore,
    private readonly provider: KeyProvider,
    private readonly clock: Clock,
  ) {}

  /** The key to seal one value with. */
  async forSealing(tenant: TenantId): Promise<DataKey> {
    const known = this.cached(tenant, this.active.get(tenant));
    const current = known ?? (await this.once(`${tenant}/active`, () => this.loadActive(tenant)))!;
    const live = this.isWornOut(current) ? await this.replace(tenant, current) : current;
    live.seals += 1;
    return live;
  }

  /** The key that a value was sealed with, if the tenant has it. */
  async forOpening(tenant: TenantId, id: string): Promise<DataKey | undefined> {
    const known = this.cached(tenant, id);
    if (known) return known;
    // A trip that waits for the one connection must not be waited for by the transaction that has it.
    return isInside() ? this.load(tenant, id) : this.once(`${tenant}/${id}`, () => this.load(tenant, id));
  }

  /** Forgets the keys of a tenant, of one that was deleted for instance. */
  forget(tenant: TenantId): void {
    this.active.delete(tenant);
    for (const name of [...this.cache.keys()]) if (name.startsWith(`${tenant}/`)) this.cache.delete(name);
  }

  private async loadActive(tenant: TenantId): Promise<Cached> {
    const stored = (await this.store.readActive(tenant)) ?? (await this.store.insert(tenant, await this.make(tenant)));
    return this.keepActive(tenant, stored);
  }

  private async load(tenant: TenantId, id: string): Promise<Cached | undefined> {
    const stored = await this.store.read(tenant, id);
    return stored && this.keep(tenant, stored);
  }

  private async replace(tenant: TenantId, { id }: DataKey): Promise<Cached> {
    const replaced = await this.once(`${tenant}/replace/${id}`, async () =>
      this.keepActive(tenant, await this.store.insert(tenant, await this.make(tenant), id)),
    );
    return replaced!;
  }

  private async make(tenant: TenantId): Promise<StoredDataKey> {
    const id = `dek_${randomBytes(9).toString('base64url')}`;
    const keyId = this.provider.keyIds()[0]!;
    const bytes = randomBytes(KEY_BYTES);
    try {
      const wrapped = await this.provider.wrap(keyId, { tenantId: tenant, dataKeyId: id }, bytes);
      return { id, keyId, wrapped, createdAt: new Date(this.clock.now()) };
    } finally {
      bytes.fill(0);
    }
  }

  private async keepActive(tenant: TenantId, stored: StoredDataKey): Promise<Cached> {
    const kept = this.cached(tenant, stored.id) ?? (await this.keep(tenant, stored));
    this.active.set(tenant, kept.id);
    return kept;
  }

  private async keep(tenant: TenantId, { id, keyId, wrapped, createdAt }: StoredDataKey): Promise<Cached> {
    const bytes = await this.provider.unwrap(keyId, { tenantId: tenant, dataKeyId: id }, wrapped);
    const kept = { id, key: createSecretKey(bytes), createdAt, until: this.clock.now() + CACHE_MS, seals: 0 };
    bytes.fill(0);
    this.cache.set(`${tenant}/${id}`, kept);
    if (this.cache.size > CACHE_KEYS) this.evict();
    return kept;
  }

  private cached(tenant: TenantId, id: string | undefined): Cached | undefined {
    const name = `${tenant}/${id}`;
    const found = this.cache.get(name);
    if (!found) return undefined;
    this.cache.delete(name);
    if (found.until <= this.clock.now()) return undefined;
    this.cache.set(name, found);
    return found;
  }

  private evict(): void {
    const [name] = this.cache.keys();
    this.cache.delete(name!);
    const [tenant, id] = name!.split('/') as [TenantId, string];
    if (this.active.get(tenant) === id) this.active.delete(tenant);
  }

  private isWornOut({ createdAt, seals }: Cached): boolean {
    return seals >= MAX_SEALS || this.clock.now() - createdAt.getTime() >= MAX_AGE_MS;
  }

  /** Callers that want the same key at the same moment share one trip for it. */
  private async once(name: string, load: () => Promise<Cached | undefined>): Promise<Cached | undefined> {
    const running = this.loading.get(name) ?? load().finally(() => this.loading.delete(name));
    this.loading.set(name, running);
    return running;
  }
}
