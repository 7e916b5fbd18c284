import type { KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock, type TenantId } from '#kernel';
import { DataKeyStore } from './data-key.store.js';
import { KeyWrapper } from './key-wrapper.js';

const MAX_KEYS = 10_000;

/**
 * Keys of tenants that are told apart by a name and seal nothing: for digests that only this composer can make. Each is
 * made when it is first asked for, and is the same in every process ever after: it lies beside the data keys, so that a
 * rotation of the key ring wraps it anew and leaves it as it is.
 */
@Injectable()
export class NamedKeys {
  /** By tenant and name; the least recently used first. */
  private readonly keys = new Map<string, KeyObject>();
  private readonly loading = new Map<string, Promise<KeyObject>>();

  constructor(
    private readonly store: DataKeyStore,
    private readonly wrapper: KeyWrapper,
    private readonly clock: Clock,
  ) {}

  /**
   * @param name letters and dashes; no id of a data key looks like that
   * @throws UnknownTenantError, KeyMissingError, DatabaseUnavailableError
   */
  async of(tenant: TenantId, name: string): Promise<KeyObject> {
    const known = this.peek(tenant, name);
    if (known) return known;
    const place = `${tenant}/${name}`;
    const loading = this.loading.get(place) ?? this.load(tenant, name).finally(() => this.loading.delete(place));
    this.loading.set(place, loading);
    return loading;
  }

  /** The key, if this process has it at hand. */
  peek(tenant: TenantId, name: string): KeyObject | undefined {
    const place = `${tenant}/${name}`;
    const known = this.keys.get(place);
    if (!known) return undefined;
    this.keys.delete(place);
    this.keys.set(place, known);
    return known;
  }

  private async load(tenant: TenantId, name: string): Promise<KeyObject> {
    const stored = (await this.store.read(tenant, name)) ?? (await this.make(tenant, name));
    const key = await this.wrapper.open(tenant, name, stored);
    this.keys.set(`${tenant}/${name}`, key);
    if (this.keys.size > MAX_KEYS) this.keys.delete(this.keys.keys().next().value!);
    return key;
  }

  private async make(tenant: TenantId, name: string) {
    const made = await this.wrapper.make(tenant, name);
    return this.store.keep(tenant, { id: name, ...made, createdAt: new Date(this.clock.now()) });
  }
}
