import { type AuditEvent, PostgresAuditTrail } from '#audit';
import type { TenantId } from '#kernel';
import { Database, type Transaction, inEveryTenant } from '#persistence';
import { Injectable } from '@nestjs/common';
import {
  type AuthorizationRecord,
  type AuthorizationRecordDraft,
  AuthorizationRecordStore,
  type RecordRef,
} from './authorization-record.store.js';

interface Row {
  readonly kind: string;
  readonly id: string;
  readonly payload: string;
  readonly generation: string;
  readonly grant_id: string | null;
  readonly uid: string | null;
  readonly consumed_at: Date | null;
  readonly expires_at: Date | null;
}

const TOPIC = 'access';
const COLUMNS = 'kind, id, payload, generation, grant_id, uid, consumed_at, expires_at';
const ALIVE = '(expires_at IS NULL OR expires_at > clock_timestamp())';
const AT = 'tenant_id = $1 AND kind = $2 AND id = $3';

/** Records in Postgres, embedded or not; row-level security holds the tenants apart a second time. */
@Injectable()
export class PostgresAuthorizationRecordStore extends AuthorizationRecordStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async upsert(draft: AuthorizationRecordDraft, ...events: readonly AuditEvent[]): Promise<void> {
    await this.database.inTenant(draft.tenantId, async (tx) => {
      await tx.execute(
        `INSERT INTO authorization_records (tenant_id, kind, id, payload, generation, grant_id, uid, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id, kind, id) DO UPDATE
           SET payload = $4, generation = $5, grant_id = $6, uid = $7, expires_at = $8`,
        valuesOf(draft),
      );
      if (events.length > 0) await this.trail.append(tx, ...events);
    });
  }

  override async insert(draft: AuthorizationRecordDraft): Promise<AuthorizationRecord> {
    return this.database.inTenant(draft.tenantId, async (tx) => {
      await tx.execute(`DELETE FROM authorization_records WHERE ${AT} AND NOT ${ALIVE}`, placeOf(draft));
      await tx.execute(
        `INSERT INTO authorization_records (tenant_id, kind, id, payload, generation, grant_id, uid, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, kind, id) DO NOTHING`,
        valuesOf(draft),
      );
      const [row] = await tx.query<Row>(`SELECT ${COLUMNS} FROM authorization_records WHERE ${AT}`, placeOf(draft));
      return recordOf(draft.tenantId, row!);
    });
  }

  override async find(ref: RecordRef): Promise<AuthorizationRecord | undefined> {
    return this.one(
      ref.tenantId,
      `SELECT ${COLUMNS} FROM authorization_records WHERE ${AT} AND ${ALIVE}`,
      placeOf(ref),
    );
  }

  override async findByUid(tenant: TenantId, kind: string, uid: string): Promise<AuthorizationRecord | undefined> {
    return this.one(
      tenant,
      `SELECT ${COLUMNS} FROM authorization_records WHERE tenant_id = $1 AND kind = $2 AND uid = $3 AND ${ALIVE} LIMIT 1`,
      [tenant, kind, uid],
    );
  }

  override async list(tenant: TenantId, kind: string, limit: number): Promise<readonly AuthorizationRecord[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>(
        `SELECT ${COLUMNS} FROM authorization_records WHERE tenant_id = $1 AND kind = $2 AND ${ALIVE}
          ORDER BY created_at, id LIMIT $3`,
        [tenant, kind, limit],
      ),
    );
    return rows.map((row) => recordOf(tenant, row));
  }

  override async consume(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean> {
    return this.database.inTenant(ref.tenantId, async (tx) => {
      const consumed = await tx.execute(
        `UPDATE authorization_records SET consumed_at = clock_timestamp()
          WHERE ${AT} AND consumed_at IS NULL AND ${ALIVE}`,
        placeOf(ref),
      );
      if (consumed > 0 && events.length > 0) await this.trail.append(tx, ...events);
      return consumed > 0;
    });
  }

  override async take(ref: RecordRef): Promise<AuthorizationRecord | undefined> {
    return this.one(
      ref.tenantId,
      `WITH gone AS (DELETE FROM authorization_records WHERE ${AT} AND ${ALIVE} RETURNING ${COLUMNS})
       SELECT * FROM gone`,
      placeOf(ref),
    );
  }

  override async extend(ref: RecordRef, expiresAt: Date): Promise<void> {
    await this.database.inTenant(ref.tenantId, (tx) =>
      tx.execute(`UPDATE authorization_records SET expires_at = $4 WHERE ${AT} AND ${ALIVE}`, [
        ...placeOf(ref),
        expiresAt,
      ]),
    );
  }

  override async destroy(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean> {
    return this.database.inTenant(ref.tenantId, async (tx) => {
      const gone = await tx.execute(`DELETE FROM authorization_records WHERE ${AT} AND ${ALIVE}`, placeOf(ref));
      if (gone > 0) await this.tell(tx, events);
      return gone > 0;
    });
  }

  override async revokeByGrantId(tenant: TenantId, grantId: string, ...events: readonly AuditEvent[]): Promise<number> {
    return this.database.inTenant(tenant, async (tx) => {
      const gone = await tx.execute('DELETE FROM authorization_records WHERE tenant_id = $1 AND grant_id = $2', [
        tenant,
        grantId,
      ]);
      if (gone > 0) await this.tell(tx, events);
      return gone;
    });
  }

  override sweep(limit: number): Promise<number> {
    return inEveryTenant(this.database, (tx, tenant) =>
      tx.execute(
        `DELETE FROM authorization_records WHERE tenant_id = $1 AND (kind, id) IN (
             SELECT kind, id FROM authorization_records WHERE tenant_id = $1 AND expires_at <= clock_timestamp() LIMIT $2)`,
        [tenant, limit],
      ),
    );
  }

  private async tell(tx: Transaction, events: readonly AuditEvent[]): Promise<void> {
    if (events.length > 0) await this.trail.append(tx, ...events);
    await tx.announce(TOPIC);
  }

  private async one(
    tenant: TenantId,
    sql: string,
    params: readonly unknown[],
  ): Promise<AuthorizationRecord | undefined> {
    const [row] = await this.database.inTenant(tenant, (tx) => tx.query<Row>(sql, params));
    return row && recordOf(tenant, row);
  }
}

const placeOf = ({ tenantId: tenant, kind, id }: RecordRef): readonly unknown[] => [tenant, kind, id];

function valuesOf(draft: AuthorizationRecordDraft): readonly unknown[] {
  const { payload, generation, grantId = null, uid = null, expiresAt = null } = draft;
  return [...placeOf(draft), payload, generation, grantId, uid, expiresAt];
}

function recordOf(tenant: TenantId, row: Row): AuthorizationRecord {
  return {
    tenantId: tenant,
    kind: row.kind,
    id: row.id,
    payload: row.payload,
    generation: Number(row.generation),
    ...(row.grant_id === null ? {} : { grantId: row.grant_id }),
    ...(row.uid === null ? {} : { uid: row.uid }),
    ...(row.consumed_at === null ? {} : { consumedAt: row.consumed_at }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
  };
}
