import { MemberPool, type MemberSlot } from '#builder';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { type Principal, holdsAny } from '#tenancy';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { ManagementTools } from '../management/management-tools.js';
import { type CatalogEntry, entriesOf } from './catalog-entry.js';

/** What one kind of principal sees of a tenant: principals with the same roles share it. */
export interface CatalogView {
  readonly byName: ReadonlyMap<string, CatalogEntry>;
  /** Ordered by name. */
  readonly entries: readonly CatalogEntry[];
  /** Those that the entries belong to. */
  readonly members: ReadonlySet<MemberSlot>;
}

export interface CatalogPage {
  /** JSON text of the definitions, with commas between them. */
  readonly definitions: Buffer;
  readonly nextCursor?: string;
}

interface TenantCatalog {
  readonly entries: readonly CatalogEntry[];
  readonly views: Map<string, CatalogView>;
  readonly pages: WeakMap<CatalogView, Map<number, CatalogPage>>;
}

/** Whoever administers a tenant sees all of it; permissions of single tools are for everybody else. */
const UNLIMITED = ['admin', 'operator'] as const;

/**
 * The tools of all members of a tenant under one roof. Built when something has changed, from what the members offered
 * last, and answered from memory: a member that is away neither breaks nor delays it.
 */
@Injectable()
export class ToolCatalog implements OnModuleInit, OnApplicationShutdown {
  private readonly tenants = new Map<TenantId, TenantCatalog>();
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly pool: MemberPool,
    private readonly management: ManagementTools,
    @Inject(gatewayConfig.KEY) private readonly config: GatewayConfig,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.pool.onChange((tenant) => this.tenants.delete(tenant));
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /** What the principal may see and call. */
  viewFor({ tenantId, roles }: Principal): CatalogView {
    const catalog = this.catalogOf(tenantId);
    // Tenants name roles as they like, so no character can stand between two of them.
    const key = JSON.stringify([...roles].sort());
    let view = catalog.views.get(key);
    if (!view) catalog.views.set(key, (view = viewOf(catalog.entries, roles)));
    return view;
  }

  /** `undefined` if the cursor was not given out here. Cursors name the last tool seen, so they outlive every change. */
  page(principal: Principal, cursor: unknown): CatalogPage | undefined {
    const view = this.viewFor(principal);
    const after = cursor === undefined ? '' : nameOf(cursor);
    if (after === undefined) return undefined;
    const start = after === '' ? 0 : firstBehind(view.entries, after);
    // Cursors come from callers: only pages that an unchanged list is read in are worth keeping.
    if (start % this.config.pageSize !== 0) return this.cut(view, start);
    const pages = this.pagesOf(principal.tenantId, view);
    let page = pages.get(start);
    if (!page) pages.set(start, (page = this.cut(view, start)));
    return page;
  }

  /** How each member was when it was last used or tried, as far as the principal sees tools of it or administers it. */
  outcomes(principal: Principal): Record<string, string> {
    const seen = holdsAny(principal, UNLIMITED) ? undefined : this.viewFor(principal).members;
    const slots = this.pool.members(principal.tenantId).filter((slot) => seen?.has(slot) ?? true);
    return Object.fromEntries(slots.map(({ ref, outcome }) => [ref.serverId, outcome]));
  }

  private catalogOf(tenant: TenantId): TenantCatalog {
    let catalog = this.tenants.get(tenant);
    if (!catalog) {
      catalog = { entries: this.collect(this.pool.members(tenant)), views: new Map(), pages: new WeakMap() };
      this.tenants.set(tenant, catalog);
    }
    return catalog;
  }

  private collect(slots: readonly MemberSlot[]): readonly CatalogEntry[] {
    const byName = new Map<string, CatalogEntry>();
    const contested = new Set<string>();
    const own = this.config.offersManagementTools ? this.management.entries() : [];
    for (const entry of own) byName.set(entry.name, entry);
    for (const entry of slots.flatMap((slot) => this.entriesOf(slot))) {
      const holder = byName.get(entry.name);
      if (!holder) byName.set(entry.name, entry);
      else if ('slot' in holder.target) contested.add(entry.name);
      if (holder) this.warnOfCollision(entry, holder);
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

  private entriesOf(slot: MemberSlot): readonly CatalogEntry[] {
    try {
      return entriesOf(slot);
    } catch (error) {
      slot.log.error('the tools of a member cannot be read', { err: error });
      return [];
    }
  }

  private pagesOf(tenant: TenantId, view: CatalogView): Map<number, CatalogPage> {
    const { pages } = this.catalogOf(tenant);
    let ofView = pages.get(view);
    if (!ofView) pages.set(view, (ofView = new Map<number, CatalogPage>()));
    return ofView;
  }

  private cut({ entries }: CatalogView, start: number): CatalogPage {
    const { pageSize } = this.config;
    const page = entries.slice(start, start + pageSize);
    const parts = page.flatMap(({ definition }, index) => (index === 0 ? [definition] : [COMMA, definition]));
    const last = start + pageSize < entries.length ? page.at(-1) : undefined;
    return { definitions: Buffer.concat(parts), ...(last ? { nextCursor: cursorOf(last.name) } : {}) };
  }
}

const COMMA = Buffer.from(',');

function viewOf(all: readonly CatalogEntry[], roles: readonly string[]): CatalogView {
  const holder = { roles };
  const seesAll = holdsAny(holder, UNLIMITED);
  const entries = all.filter((entry) => {
    if ('management' in entry.target) return holdsAny(holder, entry.roles ?? []);
    return seesAll || !entry.roles || holdsAny(holder, entry.roles);
  });
  const members = new Set(entries.flatMap(({ target }) => ('slot' in target ? [target.slot] : [])));
  return { entries, members, byName: new Map(entries.map((entry) => [entry.name, entry])) };
}

function firstBehind(entries: readonly CatalogEntry[], name: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.name <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}

const PREFIX = 'after:';

const cursorOf = (name: string): string => Buffer.from(PREFIX + name).toString('base64url');

function nameOf(cursor: unknown): string | undefined {
  if (typeof cursor !== 'string') return undefined;
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  return text.startsWith(PREFIX) && cursorOf(text.slice(PREFIX.length)) === cursor
    ? text.slice(PREFIX.length)
    : undefined;
}
