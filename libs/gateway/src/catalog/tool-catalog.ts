import { MemberPool } from '#builder';
import type { MemberRef, ServerId, TenantId } from '#kernel';
import { Log } from '#observability';
import { type VirtualServer, VirtualServerDirectory } from '#registry';
import type { Principal } from '#tenancy';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { ManagementTools } from '../management/management-tools.js';
import { isUnlimited } from '../policy/tool-policy.js';
import type { CatalogView } from './catalog-view.js';
import { EntryCollector } from './entry-collector.js';
import { type OfferedEntries, Offering } from './offering.js';
import { EVERYTHING, type Selection } from './selection.js';
import type { Collision } from './unique-entries.js';
import { ViewCache } from './view-cache.js';

interface TenantCatalog {
  readonly offered: OfferedEntries;
  readonly everything: Offering;
  /** By slug. */
  readonly virtual: Map<string, { readonly server: VirtualServer; readonly offering: Offering }>;
  readonly members: Map<ServerId, Offering>;
}

/** For the views of all tenants, with the lists that are made of them. */
const MAX_VIEW_BYTES = 128 * 1024 * 1024;

const NOTHING: OfferedEntries = {
  tools: [],
  prompts: [],
  resources: [],
  resourceTemplates: [],
  hidden: [],
  servers: [],
};

/**
 * What all members of a tenant offer, under one roof. Built when something has changed, from what the members offered
 * last, and answered from memory: a member that is away neither breaks nor delays it.
 */
@Injectable()
export class ToolCatalog implements OnModuleInit, OnApplicationShutdown {
  private readonly tenants = new Map<TenantId, TenantCatalog>();
  private readonly cache = new ViewCache(MAX_VIEW_BYTES);
  private readonly collector: EntryCollector;
  private stopListening: readonly (() => void)[] = [];

  constructor(
    private readonly pool: MemberPool,
    private readonly virtualServers: VirtualServerDirectory,
    private readonly management: ManagementTools,
    @Inject(gatewayConfig.KEY) private readonly config: GatewayConfig,
    log: Log,
  ) {
    this.collector = new EntryCollector(log);
  }

  onModuleInit(): void {
    const forget = (tenant: TenantId) => this.forget(tenant);
    this.stopListening = [this.pool.onChange(forget), this.virtualServers.onChange(forget)];
  }

  onApplicationShutdown(): void {
    for (const stop of this.stopListening) stop();
  }

  get offersManagementTools(): boolean {
    return this.config.offersManagementTools;
  }

  /** What the principal may see and call. */
  viewFor(principal: Principal, selection: Selection = EVERYTHING): CatalogView {
    return this.offeringOf(principal.tenantId, selection).viewFor(principal);
  }

  /** Whether nothing is offered there, to nobody. */
  isEmpty(tenant: TenantId, selection: Selection): boolean {
    return this.offeringOf(tenant, selection).isEmpty;
  }

  /** How each member was when it was last used or tried, as far as the principal sees something of it or administers it. */
  outcomes(principal: Principal, selection: Selection = EVERYTHING): Record<string, string> {
    const seesAll = isUnlimited(principal) && selection.kind === 'everything';
    const { members } = this.viewFor(principal, selection);
    const slots = this.pool.members(principal.tenantId).filter((slot) => seesAll || members.has(slot));
    return Object.fromEntries(slots.map(({ ref, outcome }) => [ref.serverId, outcome]));
  }

  /** Names that two members would offer at a virtual server, from what they offered last. */
  collisions(tenant: TenantId, server: VirtualServer): readonly Collision[] {
    return this.collector.collisions(server, this.pool.members(tenant));
  }

  private forget(tenant: TenantId): void {
    const catalog = this.tenants.get(tenant);
    if (!catalog) return;
    this.tenants.delete(tenant);
    const virtual = [...catalog.virtual.values()].map(({ offering }) => offering);
    for (const offering of [catalog.everything, ...virtual, ...catalog.members.values()]) offering.release();
  }

  private offeringOf(tenant: TenantId, selection: Selection): Offering {
    const catalog = this.catalogOf(tenant);
    switch (selection.kind) {
      case 'everything':
        return catalog.everything;
      case 'virtual':
        return this.offeringOfVirtual(tenant, catalog, selection.server);
      case 'member':
        return this.offeringOfMember(catalog, { tenantId: tenant, serverId: selection.serverId });
    }
  }

  private offeringOfVirtual(tenant: TenantId, catalog: TenantCatalog, server: VirtualServer): Offering {
    const known = catalog.virtual.get(server.slug);
    if (known?.server === server) return known.offering;
    known?.offering.release();
    const offered = this.collector.ofVirtual(server, this.pool.members(tenant), catalog.offered);
    const offering = this.offer(offered, true);
    catalog.virtual.set(server.slug, { server, offering });
    return offering;
  }

  private offeringOfMember(catalog: TenantCatalog, ref: MemberRef): Offering {
    const known = catalog.members.get(ref.serverId);
    if (known) return known;
    const slot = this.pool.find(ref);
    const offering = this.offer(slot ? this.collector.ofMember(slot) : NOTHING);
    // Names come from addresses: only those of members are kept.
    if (slot) catalog.members.set(ref.serverId, offering);
    return offering;
  }

  private catalogOf(tenant: TenantId): TenantCatalog {
    let catalog = this.tenants.get(tenant);
    if (!catalog) {
      const own = this.config.offersManagementTools ? this.management.entries() : [];
      const offered = this.collector.ofAll(tenant, this.pool.members(tenant), own);
      catalog = { offered, everything: this.offer(offered), virtual: new Map(), members: new Map() };
      this.tenants.set(tenant, catalog);
    }
    return catalog;
  }

  private offer(offered: OfferedEntries, isOpen = false): Offering {
    return new Offering(offered, { cache: this.cache, pageSize: this.config.pageSize, isOpen });
  }
}
