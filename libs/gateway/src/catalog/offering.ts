import type { Principal } from '#tenancy';
import { ToolPolicy } from '../policy/tool-policy.js';
import type { CatalogEntry } from './catalog-entry.js';
import { CatalogView } from './catalog-view.js';
import type { HeldView, ViewCache } from './view-cache.js';

interface OfferingParts {
  readonly cache: ViewCache;
  readonly pageSize: number;
  /** Whoever may use the offering may use all of it that names no roles. */
  readonly isOpen: boolean;
}

/** What is offered at one address of a tenant, and the views that its principals have of it. */
export class Offering {
  private readonly views = new Map<string, HeldView>();
  /** Access keeps its principals, so that most requests find their view without a key being made. */
  private readonly byPrincipal = new WeakMap<Principal, HeldView>();

  /** @param entries ordered by name */
  constructor(
    private readonly entries: readonly CatalogEntry[],
    private readonly parts: OfferingParts,
  ) {}

  get isEmpty(): boolean {
    return this.entries.length === 0;
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
    const { cache, pageSize, isOpen } = this.parts;
    const key = ToolPolicy.keyOf(principal);
    let held = this.views.get(key);
    if (!held?.view) {
      const policy = new ToolPolicy(principal);
      const entries = this.entries.filter((entry) => policy.opens(entry, isOpen));
      held = cache.add(new CatalogView(entries, pageSize), () => this.views.delete(key));
      this.views.set(key, held);
    }
    held.isUsed = true;
    this.byPrincipal.set(principal, held);
    return held.view!;
  }
}
