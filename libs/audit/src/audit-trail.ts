import type { TenantId } from '#kernel';
import type { AuditEvent } from './audit-event.js';

/** The trail of what was done in each tenant: append only, chained. Safe across processes. */
export abstract class AuditTrail {
  /** Records what changes nothing in the store. Durable when it returns. */
  abstract record(tenant: TenantId, ...events: readonly AuditEvent[]): Promise<void>;
}
