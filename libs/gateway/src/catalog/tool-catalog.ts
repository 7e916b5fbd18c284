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
import { type CatalogEntry, entriesOf } from './catalog-entry.js';
import type { CatalogPage, CatalogView } from './catalog-view.js';
import { FULL_NAMES, type Naming, OWN_NAMES, namingOf } from './naming.js';
import { Offering } from './offering.js';
import { EVERYTHING, type Selection } from './selection.js';
import { type Collision, uniqueEntries } from './unique-entries.js';
import { ViewCache } from './view-cache.js';

interface TenantCatalog {
  readonly entries: readonly CatalogEntry[];
  readonly everything: Offering;
  /** By slug. */
  readonly virtual: Map<string, { readonly server: VirtualServer; readonly offering: Offering }>;
  readonly members: Map<ServerId, Offering>;
}

interface Contest {
  readonly own?: readonly CatalogEntry[];
  /** For the log, where two offer one name. */
  readonly why: string;
}

const SAME_FULL_NAME = 'two servers offer a tool of the same full name; rename one of the servers';
const SAME_NAME = 'two servers offer a tool of the same name at a virtual server; name them apart there';

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

  /** Names that two members would offer at a virtual server, from what they offered last. */
  collisions(tenant: TenantId, server: VirtualServer): readonly Collision[] {
    return server.naming === 'prefix' ? [] : uniqueEntries(this.candidates(tenant, server)).collisions;
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
    const entries =
      server.naming === 'prefix'
        ? selected(catalog.entries, server)
        : this.unique(this.candidates(tenant, server), { why: SAME_NAME });
    const offering = this.offer(entries, true);
    catalog.virtual.set(server.slug, { server, offering });
    return offering;
  }

  /** What a virtual server selects, under the names that it gives, before any two of them are compared. */
  private candidates(tenant: TenantId, server: VirtualServer): readonly CatalogEntry[] {
    const naming = namingOf(server);
    return selected(
      this.pool.members(tenant).flatMap((slot) => this.entriesOf(slot, naming)),
      server,
    );
  }

  private offeringOfMember(catalog: TenantCatalog, ref: MemberRef): Offering {
    const known = catalog.members.get(ref.serverId);
    if (known) return known;
    const slot = this.pool.find(ref);
    const offering = this.offer(slot ? uniqueEntries(this.entriesOf(slot, OWN_NAMES)).entries : []);
    // Names come from addresses: only those of members are kept.
    if (slot) catalog.members.set(ref.serverId, offering);
    return offering;
  }

  private catalogOf(tenant: TenantId): TenantCatalog {
    let catalog = this.tenants.get(tenant);
    if (!catalog) {
      const own = this.config.offersManagementTools ? this.management.entries() : [];
      const offered = this.pool.members(tenant).flatMap((slot) => this.entriesOf(slot, FULL_NAMES));
      const entries = this.unique(offered, { own, why: SAME_FULL_NAME });
      catalog = { entries, everything: this.offer(entries), virtual: new Map(), members: new Map() };
      this.tenants.set(tenant, catalog);
    }
    return catalog;
  }

  private offer(entries: readonly CatalogEntry[], isOpen = false): Offering {
    return new Offering(entries, { cache: this.cache, pageSize: this.config.pageSize, isOpen });
  }

  private unique(offered: readonly CatalogEntry[], { own, why }: Contest): readonly CatalogEntry[] {
    const { entries, collisions } = uniqueEntries(offered, own);
    for (const { name, owners } of collisions) this.log.warn(why, { tool: name, owners });
    return entries;
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
