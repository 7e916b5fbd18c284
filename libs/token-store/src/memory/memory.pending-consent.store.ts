import type { Clock } from '#kernel';
import { type ConsentBounds, PendingConsentStore, type StoredConsent } from '../consents/pending-consent.store.js';

interface Kept extends StoredConsent {
  readonly until: number;
}

/** Consents of one process, for tests and for trying things out. */
export class MemoryPendingConsentStore extends PendingConsentStore {
  /** Oldest first. */
  private readonly consents = new Map<string, Kept>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {
    super();
  }

  override async put(consent: StoredConsent, bounds: ConsentBounds): Promise<boolean> {
    await this.sweep(Infinity);
    const ofTenant = [...this.consents.values()].filter(({ tenantId }) => tenantId === consent.tenantId);
    const own = ofTenant.filter(({ principalId }) => principalId === consent.principalId);
    const tooMany = own.slice(0, Math.max(0, own.length - bounds.ofPrincipal + 1));
    if (ofTenant.length - tooMany.length >= bounds.ofTenant) return false;
    for (const old of tooMany) this.consents.delete(keyOf(old));
    this.consents.set(keyOf(consent), { ...consent, until: this.clock.now() + bounds.seconds * 1000 });
    return true;
  }

  override async take(ref: Pick<StoredConsent, 'tenantId' | 'id'>): Promise<StoredConsent | undefined> {
    const kept = this.consents.get(keyOf(ref));
    this.consents.delete(keyOf(ref));
    if (!kept || kept.until <= this.clock.now()) return undefined;
    const { until: _, ...consent } = kept;
    return consent;
  }

  override async sweep(limit: number): Promise<number> {
    const expired = [...this.consents.values()].filter(({ until }) => until <= this.clock.now());
    const gone = expired.slice(0, limit);
    for (const consent of gone) this.consents.delete(keyOf(consent));
    return gone.length;
  }
}

const keyOf = ({ tenantId, id }: Pick<StoredConsent, 'tenantId' | 'id'>): string => `${tenantId}/${id}`;
