import { Clock, type TenantId } from '#kernel';
import { Database, KeyWrapper, type Transaction, holdKey } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditEvent } from './audit-event.js';
import { CHAIN_KEY, NO_HASH, linkHash } from './audit-hash.js';
import { columnsOf } from './audit-row.js';
import { AuditTrail } from './audit-trail.js';
import { ChainKeys } from './chain-keys.js';

interface Head {
  readonly kek_id: string;
  readonly wrapped: Buffer;
  readonly seq: string;
  readonly hash: Buffer;
}

/**
 * The trail in Postgres. What changes something is recorded in the transaction that changes it, so that nothing is
 * changed without a record and nothing recorded that did not happen.
 */
@Injectable()
export class PostgresAuditTrail extends AuditTrail {
  private readonly keys: ChainKeys;

  constructor(
    private readonly database: Database,
    private readonly wrapper: KeyWrapper,
    private readonly clock: Clock,
  ) {
    super();
    this.keys = new ChainKeys(wrapper);
  }

  /**
   * Adds events to the trail of the transaction's tenant, in this order. From here to its end the transaction holds up
   * every other one that records in this tenant, so call it late.
   */
  async append(tx: Transaction, ...events: readonly AuditEvent[]): Promise<void> {
    const { tenantId } = tx;
    if (tenantId === undefined) throw new TypeError('only what is done in a tenant can be recorded');
    const head = (await this.head(tx)) ?? (await this.begin(tx, tenantId));
    const key = await this.keys.open(tenantId, { keyId: head.kek_id, wrapped: head.wrapped });
    const now = this.clock.now();
    let { hash } = head;
    let seq = Number(head.seq);
    const rows = events.map(({ at: happened = now, ...event }) => {
      const at = new Date(happened).toISOString();
      const body = JSON.stringify({ at, outcome: 'done', ...event });
      seq += 1;
      hash = linkHash(key, hash, { tenantId, seq, body });
      return { seq, at, ...columnsOf(event), body, hash: hash.toString('base64') };
    });
    await tx.execute(
      `INSERT INTO audit_events (tenant_id, seq, at, action, actor, target, body, hash)
       SELECT $1, seq, at, action, actor, target, body, decode(hash, 'base64')
         FROM jsonb_to_recordset($2::jsonb)
           AS e(seq bigint, at timestamptz, action text, actor text, target text, body text, hash text)`,
      [tenantId, JSON.stringify(rows)],
    );
    await tx.execute(`UPDATE audit_chains SET seq = $2, hash = $3 WHERE tenant_id = $1`, [tenantId, seq, hash]);
  }

  override async record(tenant: TenantId, ...events: readonly AuditEvent[]): Promise<void> {
    await this.database.inTenant(tenant, (tx) => this.append(tx, ...events));
  }

  private async head(tx: Transaction): Promise<Head | undefined> {
    const [head] = await tx.query<Head>(
      `SELECT kek_id, wrapped, seq, hash FROM audit_chains WHERE tenant_id = $1 FOR UPDATE`,
      [tx.tenantId],
    );
    return head;
  }

  private async begin(tx: Transaction, tenantId: TenantId): Promise<Head> {
    const { keyId, wrapped } = await this.wrapper.make(tenantId, CHAIN_KEY);
    await holdKey(tx, keyId);
    await tx.execute(
      `INSERT INTO audit_chains (tenant_id, kek_id, wrapped, seq, hash) VALUES ($1, $2, $3, 0, $4) ON CONFLICT DO NOTHING`,
      [tenantId, keyId, wrapped, NO_HASH],
    );
    return (await this.head(tx))!;
  }
}
