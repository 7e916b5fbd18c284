import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import { MemoryChangeFeed } from '#persistence/testing';

/** What memory stores do beside a change: record it, and announce it. */
export class MemoryTrail {
  readonly events: { readonly tenantId: TenantId; readonly event: AuditEvent }[] = [];
  /** Thrown instead of recording. */
  fault: Error | undefined;

  constructor(readonly feed: MemoryChangeFeed = new MemoryChangeFeed()) {}

  /** `change` is made between the record and its announcement, and not at all if there is no record. */
  note<T>(tenantId: TenantId, event: AuditEvent, { changed = tenantId, change }: Noted<T>): T {
    if (this.fault) throw this.fault;
    this.events.push({ tenantId, event });
    const result = change();
    void this.feed.tell({ tenantId: changed, topic: 'access' });
    return result;
  }
}

interface Noted<T> {
  /** The tenant that has changed, where it is another than the one whose trail tells it. */
  readonly changed?: TenantId;
  readonly change: () => T;
}
