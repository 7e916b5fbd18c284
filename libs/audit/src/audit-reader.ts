import type { TenantId } from '#kernel';
import { Database } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditAnchor, AuditRecord } from './audit-event.js';
import { readRows, recordOf } from './audit-row.js';

/** Events that one page may have. */
export const MAX_PAGE = 1000;

export interface AuditQuery {
  readonly order: 'newest' | 'oldest';
  /** Goes on behind the event of this number. */
  readonly cursor?: number | undefined;
  /** 1 to `MAX_PAGE`. A page of long events ends earlier. */
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

export interface AuditPage {
  readonly items: readonly AuditRecord[];
  /** The cursor of the page that follows; absent if there is none. */
  readonly next?: number;
}

/** Reads the trail of one tenant, page by page. */
@Injectable()
export class AuditReader {
  constructor(private readonly database: Database) {}

  async page(tenant: TenantId, query: AuditQuery): Promise<AuditPage> {
    const { where, params } = conditionOf(tenant, query);
    const order = query.order === 'newest' ? 'DESC' : 'ASC';
    const { rows, hasMore } = await this.database.inTenant(tenant, (tx) =>
      readRows(tx, { where, params, order, limit: Math.min(query.limit, MAX_PAGE) }),
    );
    const items = rows.map(recordOf);
    return hasMore ? { items, next: items.at(-1)!.seq } : { items };
  }

  /** Where the trail ends at this moment; absent if it has not begun. */
  async head(tenant: TenantId): Promise<AuditAnchor | undefined> {
    const [head] = await this.database.inTenant(tenant, (tx) =>
      tx.query<{ seq: string; hash: Buffer }>(`SELECT seq, hash FROM audit_chains WHERE tenant_id = $1`, [tenant]),
    );
    return head && { seq: Number(head.seq), hash: head.hash.toString('hex') };
  }
}

function conditionOf(tenant: TenantId, query: AuditQuery): { where: string; params: readonly unknown[] } {
  const params: unknown[] = [tenant];
  const conditions = ['tenant_id = $1'];
  const add = (condition: string, value: unknown): void => {
    if (value === undefined) return;
    params.push(value);
    conditions.push(`${condition} $${params.length}`);
  };
  add(query.order === 'newest' ? 'seq <' : 'seq >', query.cursor);
  add('seq <=', query.until);
  add('action LIKE', query.action && `${query.action.replaceAll(/[\\%_]/g, '\\$&')}%`);
  add('actor =', query.actor);
  add('target =', query.target);
  add('at >=', query.from);
  add('at <', query.to);
  return { where: conditions.join(' AND '), params };
}
