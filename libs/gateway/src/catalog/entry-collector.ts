import type { MemberSlot } from '#builder';
import type { TenantId } from '#kernel';
import type { Log } from '#observability';
import type { VirtualServer } from '#registry';
import { NamePatterns } from '../policy/name-patterns.js';
import { type CatalogEntry, type NamedKind, entriesOf, hiddenToolsOf } from './catalog-entry.js';
import { FULL_NAMES, type Naming, OWN_NAMES, namingOf } from './naming.js';
import type { OfferedEntries } from './offering.js';
import { type ResourceKind, resourcesOf, withAliases } from './resource-entries.js';
import { type Collision, uniqueEntries } from './unique-entries.js';

type Slots = readonly MemberSlot[];
type Entries = readonly CatalogEntry[];

const NAMED: readonly NamedKind[] = ['tools', 'prompts'];
const SAME_FULL_NAME = 'two servers offer the same full name; rename one of the servers';
const SAME_NAME = 'two servers offer the same name at a virtual server; name them apart there';
const SAME_URI = 'several servers have resources of the same URIs; each is offered under an alias';
/** In the log. */
const MAX_NAMED = 20;
const MAX_NAME = 200;
/** Of tenants: what was logged last of each. */
const MAX_TOLD = 1_000;

/** Puts together what members offer, for one address after another. */
export class EntryCollector {
  private readonly toldUris = new Map<TenantId, string>();

  constructor(private readonly log: Log) {}

  /** What a tenant's own address offers: everything of its members, and the composer's own tools. */
  ofAll(tenant: TenantId, slots: Slots, own: Entries): OfferedEntries {
    const unique = (kind: NamedKind, mine: Entries): Entries => {
      const { entries, collisions } = uniqueEntries(this.named(slots, kind, FULL_NAMES), mine);
      this.warnOf(SAME_FULL_NAME, collisions);
      return entries;
    };
    const shared = new Set<string>();
    const offered = {
      tools: unique('tools', own),
      prompts: unique('prompts', []),
      ...this.resources(slots, (uri) => shared.add(uri)),
      hidden: this.hidden(slots),
      servers: slots,
    };
    this.tellUris(tenant, [...shared]);
    return offered;
  }

  /** What a virtual server offers: never a management tool, which is at home at the tenant's own address alone. */
  ofVirtual(server: VirtualServer, slots: Slots, all: OfferedEntries): OfferedEntries {
    const selects = new NamePatterns(server.servers);
    const servers = slots.filter(({ ref }) => selects.match(ref.serverId));
    const [tools = [], prompts = []] = NAMED.map((kind) => {
      if (server.naming === 'prefix') return selected(all[kind], server);
      const { entries, collisions } = uniqueEntries(this.candidates(server, slots, kind));
      this.warnOf(SAME_NAME, collisions);
      return entries;
    });
    return { tools, prompts, ...this.resources(servers), hidden: selected(all.hidden, server), servers };
  }

  /** What one member offers by itself, under its own names. */
  ofMember(slot: MemberSlot): OfferedEntries {
    const [tools = [], prompts = []] = NAMED.map((kind) => uniqueEntries(this.named([slot], kind, OWN_NAMES)).entries);
    return { tools, prompts, ...this.resources([slot]), hidden: this.hidden([slot]), servers: [slot] };
  }

  /** Names that two members would offer at a virtual server, from what they offered last. */
  collisions(server: VirtualServer, slots: Slots): readonly Collision[] {
    if (server.naming === 'prefix') return [];
    return NAMED.flatMap((kind) => uniqueEntries(this.candidates(server, slots, kind)).collisions);
  }

  /** Under the names that the virtual server gives, before any two of them are compared. */
  private candidates(server: VirtualServer, slots: Slots, kind: NamedKind): Entries {
    return selected(this.named(slots, kind, namingOf(server)), server);
  }

  private named(slots: Slots, kind: NamedKind, naming: Naming): Entries {
    return slots.flatMap((slot) => this.read(slot, () => entriesOf(slot, kind, naming)));
  }

  private hidden(slots: Slots): Entries {
    return slots.flatMap((slot) => this.read(slot, () => hiddenToolsOf(slot)));
  }

  private resources(
    slots: Slots,
    onShared: (uri: string) => void = () => undefined,
  ): Pick<OfferedEntries, ResourceKind> {
    const of = (kind: ResourceKind) =>
      withAliases(
        slots.flatMap((slot) => this.read(slot, () => resourcesOf(slot, kind))),
        kind,
        onShared,
      );
    return { resources: of('resources'), resourceTemplates: of('resourceTemplates') };
  }

  private read(slot: MemberSlot, entries: () => Entries): Entries {
    try {
      return entries();
    } catch (error) {
      slot.log.error('a list of a member cannot be read', { err: error });
      return [];
    }
  }

  private warnOf(why: string, collisions: readonly Collision[]): void {
    for (const { name, owners } of collisions) this.log.warn(why, { name, owners });
  }

  /** Once, until there are others. */
  private tellUris(tenant: TenantId, shared: readonly string[]): void {
    const uris = shared.slice(0, MAX_NAMED).map((uri) => uri.slice(0, MAX_NAME));
    const text = JSON.stringify([shared.length, uris]);
    if (this.toldUris.get(tenant) === text) return;
    if (this.toldUris.size >= MAX_TOLD) this.toldUris.clear();
    this.toldUris.set(tenant, text);
    if (shared.length > 0) this.log.warn(SAME_URI, { tenant, count: shared.length, uris });
  }
}

function selected(entries: Entries, { servers, tools }: VirtualServer): Entries {
  const [ofServers, ofNames] = [new NamePatterns(servers), tools && new NamePatterns(tools)];
  return entries.filter(({ target, fullName, facade }) => {
    if (!('slot' in target)) return false;
    // Those of a layered member are as open as what is behind them, which is selected by its own names.
    return ofServers.match(target.slot.ref.serverId) && (facade !== undefined || (ofNames?.match(fullName) ?? true));
  });
}
