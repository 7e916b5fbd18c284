import { MemberPool, type MemberSlot } from '#builder';
import type { MemberRef, ServerId, TenantId } from '#kernel';
import { Log } from '#observability';
import { type VirtualServer, VirtualServerDirectory } from '#registry';
import type { Principal } from '#tenancy';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { ManagementTools } from '../management/management-tools.js';
import { NamePatterns } from '../policy/name-patterns.js';
import { isUnlimited } from '../policy/tool-policy.js';
import { type CatalogEntry, type Naming, entriesOf } from './catalog-entry.js';
import type { CatalogPage, CatalogView } from './catalog-view.js';
import { Offering } from './offering.js';
import { EVERYTHING, type Selection } from './selection.js';
import { ViewCache } from './view-cache.js';

interface TenantCatalog {
  readonly entries: readonly CatalogEntry[];
  readonly everything: Offering;
  /** By slug. */
  readonly virtual: Map<string, { readonly server: VirtualServer; readonly offering: Offering }>;
  readonly members: Map<ServerId, Offering>;
}

/** For the views of all tenants, with the lists that are made of them. */
const MAX_VIEW_BYTES = 128 * 1024 * 1024;

/**
 * The tools of all members of a tenant under one roof. Built when something has changed, from what the members offered
 * last, and answered from memory: a member that is away neither breaks nor delays it.
 */
@Injectable()
export class ToolCatalog implements OnModuleInit, OnApplicationShutdown {
  private readonly tenants = new Map<TenantId, TenantCatalog>();
  private readonly cache = new ViewCache(MAX_VIEW_BYTES);
  private stopListening: readonly (() => void)[] = [];

  constructor(
    private readonly pool: MemberPool,
    private readonly virtualServers: VirtualServerDirectory,
    private readonly management: ManagementTools,
    @Inject(gatewayConfig.KEY) private readonly config: GatewayConfig,
    private readonly log: Log,
  ) {}

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

  /** `undefined` if the cursor was not given out here. */
  page(principal: Principal, cursor: unknown, selection: Selection = EVERYTHING): CatalogPage | undefined {
    return this.viewFor(principal, selection).page(cursor);
  }

  /** How each member was when it was last used or tried, as far as the principal sees tools of it or administers it. */
  outcomes(principal: Principal, selection: Selection = EVERYTHING): Record<string, string> {
    const seesAll = isUnlimited(principal) && selection.kind === 'everything';
    const { members } = this.viewFor(principal, selection);
    const slots = this.pool.members(principal.tenantId).filter((slot) => seesAll || members.has(slot));
    return Object.fromEntries(slots.map(({ ref, outcome }) => [ref.serverId, outcome]));
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
        return this.offeringOfVirtual(catalog, selection.server);
      case 'member':
        return this.offeringOfMember(catalog, { tenantId: tenant, serverId: selection.serverId });
    }
  }

  private offeringOfVirtual(catalog: TenantCatalog, server: VirtualServer): Offering {
    const known = catalog.virtual.get(server.slug);
    if (known?.server === server) return known.offering;
    known?.offering.release();
    const offering = this.offer(selected(catalog.entries, server), true);
    catalog.virtual.set(server.slug, { server, offering });
    return offering;
  }

  private offeringOfMember(catalog: TenantCatalog, ref: MemberRef): Offering {
    const known = catalog.members.get(ref.serverId);
    if (known) return known;
    const slot = this.pool.find(ref);
    const offering = this.offer(slot ? this.collect([slot], [], 'plain') : []);
    // Names come from addresses: only those of members are kept.
    if (slot) catalog.members.set(ref.serverId, offering);
    return offering;
  }

  private catalogOf(tenant: TenantId): TenantCatalog {
    let catalog = this.tenants.get(tenant);
    if (!catalog) {
      const own = this.config.offersManagementTools ? this.management.entries() : [];
      const entries = this.collect(this.pool.members(tenant), own, 'prefix');
      catalog = { entries, everything: this.offer(entries), virtual: new Map(), members: new Map() };
      this.tenants.set(tenant, catalog);
    }
    return catalog;
  }

  private offer(entries: readonly CatalogEntry[], isOpen = false): Offering {
    return new Offering(entries, { cache: this.cache, pageSize: this.config.pageSize, isOpen });
  }

  private collect(slots: readonly MemberSlot[], own: readonly CatalogEntry[], naming: Naming): readonly CatalogEntry[] {
    const byName = new Map<string, CatalogEntry>();
    const contested = new Set<string>();
    for (const entry of own) byName.set(entry.name, entry);
    for (const entry of slots.flatMap((slot) => this.entriesOf(slot, naming))) {
      const holder = byName.get(entry.name);
      if (!holder) byName.set(entry.name, entry);
      else if ('slot' in holder.target) contested.add(entry.name);
      if (holder && naming === 'prefix') this.warnOfCollision(entry, holder);
    }
    // No member may take over the tool of another one by a clever id: a contested name is nobody's.
    for (const name of contested) byName.delete(name);
    return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private warnOfCollision(entry: CatalogEntry, holder: CatalogEntry): void {
    const owners = [holder, entry].map(({ target }) => ('slot' in target ? target.slot.ref.serverId : 'composer'));
    this.log.warn('two servers offer a tool of the same full name; rename one of the servers', {
      tool: entry.name,
      owners,
    });
  }

  private entriesOf(slot: MemberSlot, naming: Naming): readonly CatalogEntry[] {
    try {
      return entriesOf(slot, naming);
    } catch (error) {
      slot.log.error('the tools of a member cannot be read', { err: error });
      return [];
    }
  }
}

/** What a virtual server selects: never a management tool, which is at home at the tenant's own address alone. */
function selected(entries: readonly CatalogEntry[], { servers, tools }: VirtualServer): readonly CatalogEntry[] {
  const [ofServers, ofTools] = [new NamePatterns(servers), tools && new NamePatterns(tools)];
  return entries.filter(({ target, fullName }) => {
    if (!('slot' in target)) return false;
    return ofServers.match(target.slot.ref.serverId) && (ofTools?.match(fullName) ?? true);
  });
}
