import type { PrincipalId, TenantId } from '#kernel';

/** A consent that is under way, as it is kept: nothing of it can be read. */
export interface StoredConsent {
  readonly tenantId: TenantId;
  /** Hash of the handle that travels with the browser. */
  readonly id: string;
  readonly principalId: PrincipalId;
  /** Sealed for this tenant and id. */
  readonly payload: string;
}

/** How long a consent is kept, and how many of them. */
export interface ConsentBounds {
  readonly seconds: number;
  /** Of one principal; its oldest ones make room. */
  readonly ofPrincipal: number;
  /** Of one tenant; give or take those that are put at the same moment. */
  readonly ofTenant: number;
}

/** Durable home of consents between the way to an issuer and the way back. What has expired is as good as gone. */
export abstract class PendingConsentStore {
  /** False if the tenant has as many as it may; nothing is kept then. */
  abstract put(consent: StoredConsent, bounds: ConsentBounds): Promise<boolean>;
  /** Removes and returns it: of many callers at once exactly one gets it. */
  abstract take(ref: Pick<StoredConsent, 'tenantId' | 'id'>): Promise<StoredConsent | undefined>;
  /** Removes what has expired, at most `limit` of each tenant. Gives how much there was. */
  abstract sweep(limit: number): Promise<number>;
}
