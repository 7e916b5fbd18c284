import { type AuditEvent, PostgresAuditTrail } from '#audit';
import { type TenantId, tenantId } from '#kernel';
import { Database, type Transaction, UnknownTenantError, isForeignKeyViolation, isUniqueViolation } from '#persistence';
import { Injectable } from '@nestjs/common';
import {
  ISSUERS_AT_MOST,
  type IssuerDraft,
  type IssuerSettings,
  IssuerStore,
  type StoredIssuer,
} from './issuer.store.js';
import { DuplicateIssuerError, IssuerConflictError, TooManyIssuersError } from './issuers.errors.js';

interface Row {
  readonly tenant_id: string;
  readonly id: string;
  readonly settings: IssuerSettings;
  readonly sealed_secret: string | null;
  readonly disabled_at: Date | null;
  readonly version: string;
  readonly created_at: Date;
}

const TOPIC = 'access';

/** Issuers in Postgres, embedded or not; row-level security holds the tenants apart a second time. */
@Injectable()
export class PostgresIssuerStore extends IssuerStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredIssuer[]> {
    const rows = await this.database.read(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM issuers WHERE tenant_id = $1 ORDER BY id COLLATE "C"', [tenant]),
    );
    return rows.map(stored);
  }

  override async find(tenant: TenantId, id: string): Promise<StoredIssuer | undefined> {
    const [row] = await this.database.read(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM issuers WHERE tenant_id = $1 AND id = $2', [tenant, id]),
    );
    return row && stored(row);
  }

  override async findEverywhere(issuer: string): Promise<readonly StoredIssuer[]> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<Row>('SELECT * FROM issuers WHERE issuer = $1 ORDER BY created_at, tenant_id', [issuer]),
    );
    return rows.map(stored);
  }

  override async write(draft: IssuerDraft, event: AuditEvent): Promise<StoredIssuer> {
    return this.database.inTenant(draft.tenantId, async (tx) => {
      const row = draft.version === 1 ? await insert(tx, draft) : await update(tx, draft);
      if (!row) throw new IssuerConflictError(draft.id);
      await this.trail.append(tx, event);
      await tx.announce(TOPIC);
      return stored(row);
    });
  }

  override async remove(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean> {
    return this.database.inTenant(tenant, async (tx) => {
      const count = await tx.execute('DELETE FROM issuers WHERE tenant_id = $1 AND id = $2', [tenant, id]);
      if (count === 0) return false;
      await this.trail.append(tx, event);
      await tx.announce(TOPIC);
      return true;
    });
  }
}

async function insert(tx: Transaction, draft: IssuerDraft): Promise<Row | undefined> {
  // Held to the end of the transaction: two that insert at once must not pass the limit together.
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`issuers ${draft.tenantId}`]);
  const [{ count }] = (await tx.query<{ count: string }>('SELECT count(*) FROM issuers WHERE tenant_id = $1', [
    draft.tenantId,
  ])) as [{ count: string }];
  if (Number(count) >= ISSUERS_AT_MOST) throw new TooManyIssuersError(ISSUERS_AT_MOST);
  const sql = `INSERT INTO issuers (tenant_id, id, issuer, settings, sealed_secret, disabled_at, version)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, id) DO NOTHING RETURNING *`;
  return written(tx, sql, draft);
}

async function update(tx: Transaction, draft: IssuerDraft): Promise<Row | undefined> {
  const sql = `UPDATE issuers SET issuer = $3, settings = $4, sealed_secret = $5, disabled_at = $6, version = $7
               WHERE tenant_id = $1 AND id = $2 AND version = $7 - 1 RETURNING *`;
  return written(tx, `WITH changed AS (${sql}) SELECT * FROM changed`, draft);
}

async function written(tx: Transaction, sql: string, draft: IssuerDraft): Promise<Row | undefined> {
  const { tenantId: tenant, id, settings, sealedSecret = null, disabledAt = null, version } = draft;
  const values = [tenant, id, settings.issuer, JSON.stringify(settings), sealedSecret, disabledAt, version];
  try {
    const [row] = await tx.query<Row>(sql, values);
    return row;
  } catch (error) {
    if (isUniqueViolation(error)) throw new DuplicateIssuerError();
    if (isForeignKeyViolation(error)) throw new UnknownTenantError(error);
    throw error;
  }
}

function stored(row: Row): StoredIssuer {
  return {
    tenantId: tenantId(row.tenant_id),
    id: row.id,
    settings: row.settings,
    ...(row.sealed_secret === null ? {} : { sealedSecret: row.sealed_secret }),
    ...(row.disabled_at === null ? {} : { disabledAt: row.disabled_at }),
    version: Number(row.version),
    createdAt: row.created_at,
  };
}
