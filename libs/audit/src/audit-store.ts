import type { TenantId } from '#kernel';
import type { WrappedKey } from '#persistence';
import type { AuditAnchor } from './audit-event.js';
import type { AuditRow } from './audit-row.js';

/** A place in a trail: behind the event of this number. */
export interface Place {
  readonly seq: number;
  readonly hash: Buffer;
}

/** Where a trail says that it ends, and the key that chains it. */
export interface ChainHead extends Place {
  readonly key: WrappedKey;
}

export interface ChainStanding {
  /** Absent if there is no record of the end: the trail has not begun, or somebody has removed it. */
  readonly head?: ChainHead;
  /** The last number that there is, which ought to be that of the head. 0 if there is none. */
  readonly last: number;
}

export interface RowQuery {
  readonly order: 'newest' | 'oldest';
  /** Goes on behind the event of this number. */
  readonly cursor?: number | undefined;
  /** A page of long events ends earlier, with one at least. */
  readonly limit: number;
  /** What the action begins with: `server.`, `tool.called`. */
  readonly action?: string | undefined;
  /** `<kind>:<id>`, exactly. */
  readonly actor?: string | undefined;
  /** `<thing>:<id>`, exactly. */
  readonly target?: string | undefined;
  /** Events that happened then or later. */
  readonly from?: Date | undefined;
  /** Events that happened before then. */
  readonly to?: Date | undefined;
  /** Events up to this number. */
  readonly until?: number | undefined;
}

export interface RowPage {
  readonly rows: readonly AuditRow[];
  /**
   * The cursor of the page that follows; absent if there is none. What has no index looks at 20,000 events for a page, so
   * that one in the middle may be empty.
   */
  readonly next?: number;
}

/** What is read of the trails, as it is stored: it may have been tampered with. */
export abstract class AuditStore {
  /** The head and the last event of one and the same moment. */
  abstract standing(tenant: TenantId): Promise<ChainStanding>;
  abstract page(tenant: TenantId, query: RowQuery): Promise<RowPage>;
  /** The heads of all trails, in the order of the tenants' ids. */
  abstract heads(): AsyncIterable<AuditAnchor & { readonly tenant: TenantId }>;
}
