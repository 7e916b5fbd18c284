import type { TenantId } from '#kernel';
import { type ListKind, type MemberOffer, listsIn } from './member-offer.js';

/** @param lists those that may be others than before; empty if only what members say of themselves is */
export type OfferListener = (tenant: TenantId, lists: ReadonlySet<ListKind>) => void;

/** Who wants to know that members offer other things than before. */
export class OfferListeners {
  private readonly listeners = new Set<OfferListener>();

  /** Returns how to stop it. */
  add(listener: OfferListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(tenant: TenantId, lists: ReadonlySet<ListKind>): void {
    for (const listener of this.listeners) listener(tenant, lists);
  }

  /** Members have come or gone that offer, or offered, this. */
  tellOf(tenant: TenantId, offers: readonly MemberOffer[]): void {
    this.tell(tenant, new Set(offers.flatMap((offer) => [...listsIn(offer)])));
  }
}
