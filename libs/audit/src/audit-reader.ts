import type { TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import type { AuditAnchor, AuditRecord } from './audit-event.js';
import { recordOf } from './audit-row.js';
import { AuditStore, type RowQuery } from './audit-store.js';

/** Events that one page may have. */
export const MAX_PAGE = 1000;

/** What is asked for: 1 to `MAX_PAGE` events. */
export type AuditQuery = RowQuery;

export interface AuditPage {
  readonly items: readonly AuditRecord[];
  /** The cursor of the page that follows; absent if there is none. */
  readonly next?: number;
}

/** Reads the trail of one tenant, page by page. */
@Injectable()
export class AuditReader {
  constructor(private readonly store: AuditStore) {}

  async page(tenant: TenantId, query: AuditQuery): Promise<AuditPage> {
    const { rows, next } = await this.store.page(tenant, { ...query, limit: Math.min(query.limit, MAX_PAGE) });
    const items = rows.map(recordOf);
    return next === undefined ? { items } : { items, next };
  }

  /** Where the trail ends at this moment; absent if it has not begun. */
  async head(tenant: TenantId): Promise<AuditAnchor | undefined> {
    const { head } = await this.store.standing(tenant);
    return head && { seq: head.seq, hash: head.hash.toString('hex') };
  }
}
