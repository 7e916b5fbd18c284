import type { MemberSlot } from '#builder';
import type { Principal } from '#tenancy';
import { HiddenTools } from '../layered/hidden-tools.js';
import { ToolPolicy } from '../policy/tool-policy.js';
import type { CatalogEntry } from './catalog-entry.js';
import { CatalogView, type ListedEntries } from './catalog-view.js';
import type { HeldView, ViewCache } from './view-cache.js';

interface OfferingParts {
  readonly cache: ViewCache;
  readonly pageSize: number;
  /** Whoever may use the offering may use all of it that names no roles. */
  readonly isOpen: boolean;
}

/** What an address offers to whoever may use all of it. */
export interface OfferedEntries extends ListedEntries {
  /** The tools behind those of layered members. */
  readonly hidden: readonly CatalogEntry[];
  /** The members that it is from, ordered by id. */
  readonly servers: readonly MemberSlot[];
}

/** What is offered at one address of a tenant, and the views that its principals have of it. */
export class Offering {
  private readonly views = new Map<string, HeldView>();
  /** Access keeps its principals, so that most requests find their view without a key being made. */
  private readonly byPrincipal = new WeakMap<Principal, HeldView>();

  constructor(
    private readonly offered: OfferedEntries,
    private readonly parts: OfferingParts,
  ) {}

  get isEmpty(): boolean {
    const { tools, prompts, resources, resourceTemplates } = this.offered;
    return [tools, prompts, resources, resourceTemplates].every(({ length }) => length === 0);
  }

  viewFor(principal: Principal): CatalogView {
    const held = this.byPrincipal.get(principal);
    if (!held?.view) return this.find(principal);
    held.isUsed = true;
    return held.view;
  }

  /** Takes its views out of the cache. */
  release(): void {
    for (const held of this.views.values()) this.parts.cache.drop(held);
  }

  private find(principal: Principal): CatalogView {
    const { cache } = this.parts;
    const key = ToolPolicy.keyOf(principal);
    let held = this.views.get(key);
    if (!held?.view) {
      held = cache.add(this.make(new ToolPolicy(principal)), () => this.views.delete(key));
      this.views.set(key, held);
    }
    held.isUsed = true;
    this.byPrincipal.set(principal, held);
    return held.view!;
  }

  private make(policy: ToolPolicy): CatalogView {
    const { pageSize, isOpen } = this.parts;
    const { tools, prompts, resources, resourceTemplates, servers } = this.offered;
    const hidden = this.hiddenFor(policy);
    const opens = (entry: CatalogEntry): boolean => {
      if (!entry.facade) return policy.opens(entry, isOpen);
      // Whoever may use something behind it may use it, unless it names roles itself.
      return hidden.has(slotOf(entry)!) && policy.opens(entry, true);
    };
    const open = [tools, prompts].map((entries) => entries.filter(opens));
    // Resources have no names that a pattern could mean: whoever may use something of a member may read what it has.
    const used = new Set(open.flatMap((entries) => entries.map(slotOf)));
    const reached = new Set(
      servers.filter((slot) => isOpen || used.has(slot) || policy.opensServer(slot.ref.serverId)),
    );
    const [readable = [], templates = []] = [resources, resourceTemplates].map((entries) =>
      entries.filter((entry) => reached.has(slotOf(entry)!)),
    );
    const entries = { tools: open[0]!, prompts: open[1]!, resources: readable, resourceTemplates: templates };
    return new CatalogView(entries, { pageSize, servers: [...reached], hidden });
  }

  private hiddenFor(policy: ToolPolicy): ReadonlyMap<MemberSlot, HiddenTools> {
    const open = new Map<MemberSlot, CatalogEntry[]>();
    for (const entry of this.offered.hidden) {
      const slot = slotOf(entry)!;
      if (!policy.opens(entry, this.parts.isOpen)) continue;
      const known = open.get(slot);
      if (known) known.push(entry);
      else open.set(slot, [entry]);
    }
    return new Map([...open].map(([slot, entries]) => [slot, new HiddenTools(slot, entries)]));
  }
}

const slotOf = ({ target }: CatalogEntry): MemberSlot | undefined => ('slot' in target ? target.slot : undefined);
