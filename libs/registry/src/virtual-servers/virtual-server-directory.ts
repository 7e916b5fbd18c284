import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { ChangeFeed } from '#persistence';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type VirtualServer, virtualServerSchema } from './virtual-server.schema.js';
import { VirtualServerStore } from './virtual-server.store.js';

/** By slug. */
export type VirtualServersOfTenant = ReadonlyMap<string, VirtualServer>;

const MAX_TENANTS = 5_000;

/** The virtual servers of the tenants that are served, in memory. Forgotten when they change, on every replica. */
@Injectable()
export class VirtualServerDirectory implements OnModuleInit, OnApplicationShutdown {
  /** Oldest first. */
  private readonly known = new Map<TenantId, VirtualServersOfTenant>();
  private readonly loading = new Map<TenantId, Promise<VirtualServersOfTenant>>();
  private readonly listeners = new Set<(tenant: TenantId) => void>();
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly store: VirtualServerStore,
    private readonly feed: ChangeFeed,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.feed.onChange(({ topic, tenantId }) => {
      if (topic === 'virtual-servers') this.forget(tenantId);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /** Calls `listener` when the virtual servers of a tenant have changed. Returns how to stop it. */
  onChange(listener: (tenant: TenantId) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Undefined if they must be read first. */
  peek(tenant: TenantId): VirtualServersOfTenant | undefined {
    return this.known.get(tenant);
  }

  /** Callers at the same time share one reading. */
  load(tenant: TenantId): Promise<VirtualServersOfTenant> {
    let loading = this.loading.get(tenant);
    if (!loading) {
      loading = this.read(tenant);
      this.loading.set(tenant, loading);
      const keep = (servers?: VirtualServersOfTenant) => {
        // What changed while it was read is read anew by the next one who asks.
        if (this.loading.get(tenant) !== loading) return;
        this.loading.delete(tenant);
        if (servers) this.keep(tenant, servers);
      };
      loading.then(keep, () => keep());
    }
    return loading;
  }

  private forget(tenant: TenantId): void {
    this.known.delete(tenant);
    this.loading.delete(tenant);
    for (const listener of this.listeners) listener(tenant);
  }

  private keep(tenant: TenantId, servers: VirtualServersOfTenant): void {
    if (this.known.size >= MAX_TENANTS) this.known.delete(this.known.keys().next().value!);
    this.known.set(tenant, servers);
  }

  private async read(tenant: TenantId): Promise<VirtualServersOfTenant> {
    const servers = new Map<string, VirtualServer>();
    for (const { server } of await this.store.list(tenant)) {
      const { data } = virtualServerSchema.safeParse(server);
      if (data) servers.set(data.slug, data);
      else this.log.error('a stored virtual server cannot be read', { tenant, slug: server.slug });
    }
    return servers;
  }
}
