import type { CatalogView } from './catalog-view.js';

/** A place for one view, empty once the view had to go. */
export interface HeldView {
  view: CatalogView | undefined;
  /** Since it was last looked at for leaving. */
  isUsed: boolean;
  readonly weight: number;
  readonly onGone: () => void;
}

/**
 * Bounds what the views of all tenants keep in memory. Principals' permissions vary without end, and every kind has a
 * view of its own. A view that was not used for a round goes first (the clock algorithm: a hit costs one flag).
 */
export class ViewCache {
  private readonly held = new Set<HeldView>();
  private weight = 0;

  constructor(private readonly maxWeight: number) {}

  get size(): number {
    return this.held.size;
  }

  /** @param onGone called when the view has left, in whatever way */
  add(view: CatalogView, onGone: () => void): HeldView {
    const added: HeldView = { view, isUsed: true, weight: view.weight, onGone };
    this.held.add(added);
    this.weight += added.weight;
    // The one that was just made stays, however large it is.
    while (this.weight > this.maxWeight && this.held.size > 1) this.turn(added);
    return added;
  }

  drop(held: HeldView): void {
    if (!this.held.delete(held)) return;
    this.weight -= held.weight;
    held.view = undefined;
    held.onGone();
  }

  /** Looks at the oldest one: it goes, or to the end of the line. */
  private turn(added: HeldView): void {
    const oldest = this.held.values().next().value!;
    if (oldest !== added && !oldest.isUsed) return this.drop(oldest);
    oldest.isUsed = oldest === added;
    this.held.delete(oldest);
    this.held.add(oldest);
  }
}
