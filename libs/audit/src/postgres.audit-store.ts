import { type TenantId, tenantId } from '#kernel';
import { Database } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditAnchor } from './audit-event.js';
import type { AuditRow } from './audit-row.js';
import { AuditStore, type ChainStanding, type RowPage, type RowQuery } from './audit-store.js';

/** Bytes of events that are read at once; a single event may be longer. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Heads that are read at once. */
const HEADS = 1000;

interface Standing {
  readonly kek_id: string | null;
  readonly wrapped: Buffer;
  readonly seq: string;
  readonly hash: Buffer;
  readonly last: string;
}

/** The trails in Postgres, embedded or not. */
@Injectable()
export class PostgresAuditStore extends AuditStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async standing(tenant: TenantId): Promise<ChainStanding> {
    const [found] = await this.database.inTenant(tenant, (tx) =>
      tx.query<Standing>(
        `SELECT c.kek_id, c.wrapped, c.seq, c.hash, e.last
           FROM (SELECT coalesce(max(seq), 0) AS last FROM audit_events WHERE tenant_id = $1) AS e
           LEFT JOIN audit_chains c ON c.tenant_id = $1`,
        [tenant],
      ),
    );
    const { kek_id: keyId, wrapped, seq, hash, last } = found!;
    if (keyId === null) return { last: Number(last) };
    return { head: { key: { keyId, wrapped }, seq: Number(seq), hash }, last: Number(last) };
  }

  override async page(tenant: TenantId, query: RowQuery): Promise<RowPage> {
    const { where, params } = conditionOf(tenant, query);
    const [order, limit] = [query.order === 'newest' ? 'DESC' : 'ASC', query.limit];
    const found = await this.database.inTenant(tenant, (tx) =>
      tx.query<AuditRow & { seq: string; found: string }>(
        `SELECT seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
                action, actor, target, body, hash, found
           FROM (SELECT *, count(*) OVER () AS found, row_number() OVER (ORDER BY seq ${order}) AS n,
                        sum(octet_length(body)) OVER (ORDER BY seq ${order}) AS bytes
                   FROM (SELECT * FROM audit_events WHERE ${where} ORDER BY seq ${order} LIMIT ${limit + 1}) AS chosen
                ) AS sized
          WHERE n = 1 OR n <= ${limit} AND bytes <= ${PAGE_BYTES} ORDER BY seq ${order}`,
        params,
      ),
    );
    const hasMore = Number(found[0]?.found ?? 0) > found.length;
    const rows = found.map((row) => ({ ...row, seq: Number(row.seq) }));
    return hasMore ? { rows, next: rows.at(-1)!.seq } : { rows };
  }

  override async *heads(): AsyncIterable<AuditAnchor & { readonly tenant: TenantId }> {
    let last = '00000000-0000-0000-0000-000000000000';
    for (;;) {
      const after = last;
      const rows = await this.database.asOperator((tx) =>
        tx.query<{ tenant_id: string; seq: string; hash: Buffer }>(
          `SELECT tenant_id, seq, hash FROM audit_chains WHERE tenant_id > $1 ORDER BY tenant_id LIMIT ${HEADS}`,
          [after],
        ),
      );
      for (const { tenant_id, seq, hash } of rows) {
        yield { tenant: tenantId(tenant_id), seq: Number(seq), hash: hash.toString('hex') };
      }
      if (rows.length < HEADS) return;
      last = rows.at(-1)!.tenant_id;
    }
  }
}

function conditionOf(tenant: TenantId, query: RowQuery): { where: string; params: readonly unknown[] } {
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
