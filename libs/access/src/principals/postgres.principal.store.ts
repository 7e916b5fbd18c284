import { type AuditEvent, PostgresAuditTrail } from '#audit';
import { type PrincipalId, type TenantId, principalId } from '#kernel';
import { Database, type Transaction, UnknownTenantError, isForeignKeyViolation } from '#persistence';
import { Injectable } from '@nestjs/common';
import { ConflictError } from '../access.errors.js';
import { type ExternalIdentity, type PrincipalDraft, PrincipalStore, type StoredPrincipal } from './principal.store.js';
import { UnknownPrincipalError } from './principals.errors.js';

interface Row {
  readonly id: string;
  readonly kind: StoredPrincipal['kind'];
  readonly name: string;
  readonly roles: readonly string[];
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly disabled_at: Date | null;
  readonly valid_after: Date | null;
  readonly version: string;
  readonly created_at: Date;
}

@Injectable()
export class PostgresPrincipalStore extends PrincipalStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async list(
    tenant: TenantId,
    { after = '', limit }: { readonly after?: string; readonly limit: number },
  ): Promise<readonly StoredPrincipal[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM principals WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3', [
        tenant,
        after,
        limit,
      ]),
    );
    return rows.map((row) => stored(tenant, row));
  }

  override async find(tenant: TenantId, id: PrincipalId): Promise<StoredPrincipal | undefined> {
    return this.database.inTenant(tenant, (tx) => find(tx, tenant, id));
  }

  override async findByIdentity(tenant: TenantId, identity: ExternalIdentity): Promise<StoredPrincipal | undefined> {
    return this.database.inTenant(tenant, (tx) => findByIdentity(tx, tenant, identity));
  }

  override async hasOperatorOf(tenant: TenantId, issuer: string): Promise<boolean> {
    const found = await this.database.inTenant(tenant, (tx) =>
      tx.query(`SELECT FROM principals WHERE tenant_id = $1 AND issuer = $2 AND 'operator' = ANY (roles) LIMIT 1`, [
        tenant,
        issuer,
      ]),
    );
    return found.length > 0;
  }

  override async insert(draft: PrincipalDraft, event: AuditEvent): Promise<StoredPrincipal> {
    const { tenantId: tenant, id, kind, name, roles, identity } = draft;
    return this.inTenant(tenant, async (tx) => {
      const [row] = await tx.query<Row>(
        `INSERT INTO principals (tenant_id, id, kind, name, roles, issuer, subject, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1) ON CONFLICT DO NOTHING RETURNING *`,
        [tenant, id, kind, name, roles, identity?.issuer ?? null, identity?.subject ?? null],
      );
      if (row) {
        await this.note(tx, event);
        return stored(tenant, row);
      }
      const known = (identity && (await findByIdentity(tx, tenant, identity))) ?? (await find(tx, tenant, id));
      if (!known) throw new ConflictError(); // removed in this very moment
      return known;
    });
  }

  override async replace(principal: StoredPrincipal, event: AuditEvent): Promise<StoredPrincipal> {
    const { tenantId: tenant, id, name, roles, disabledAt, validAfter, version } = principal;
    return this.inTenant(tenant, async (tx) => {
      const [row] = await tx.query<Row>(
        `UPDATE principals SET name = $3, roles = $4, disabled_at = $5, valid_after = $6, version = $7,
                updated_at = clock_timestamp()
          WHERE tenant_id = $1 AND id = $2 AND version = $7 - 1 RETURNING *`,
        [tenant, id, name, roles, disabledAt ?? null, validAfter ?? null, version],
      );
      if (!row) throw (await find(tx, tenant, id)) ? new ConflictError() : new UnknownPrincipalError();
      await this.note(tx, event);
      return stored(tenant, row);
    });
  }

  override async remove(tenant: TenantId, id: PrincipalId, event: AuditEvent): Promise<boolean> {
    return this.inTenant(tenant, async (tx) => {
      const gone = await tx.execute('DELETE FROM principals WHERE tenant_id = $1 AND id = $2', [tenant, id]);
      if (gone > 0) await this.note(tx, event);
      return gone > 0;
    });
  }

  private async inTenant<T>(tenant: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.database.inTenant(tenant, work);
    } catch (error) {
      throw isForeignKeyViolation(error) ? new UnknownTenantError(error) : error;
    }
  }

  private async note(tx: Transaction, event: AuditEvent): Promise<void> {
    await this.trail.append(tx, event);
    await tx.announce('access');
  }
}

async function find(tx: Transaction, tenant: TenantId, id: PrincipalId): Promise<StoredPrincipal | undefined> {
  const [row] = await tx.query<Row>('SELECT * FROM principals WHERE tenant_id = $1 AND id = $2', [tenant, id]);
  return row && stored(tenant, row);
}

async function findByIdentity(
  tx: Transaction,
  tenant: TenantId,
  { issuer, subject }: ExternalIdentity,
): Promise<StoredPrincipal | undefined> {
  const [row] = await tx.query<Row>('SELECT * FROM principals WHERE tenant_id = $1 AND issuer = $2 AND subject = $3', [
    tenant,
    issuer,
    subject,
  ]);
  return row && stored(tenant, row);
}

function stored(tenantId: TenantId, row: Row): StoredPrincipal {
  return {
    tenantId,
    id: principalId(row.id),
    kind: row.kind,
    name: row.name,
    roles: row.roles,
    ...(row.issuer === null || row.subject === null ? {} : { identity: { issuer: row.issuer, subject: row.subject } }),
    ...(row.disabled_at === null ? {} : { disabledAt: row.disabled_at }),
    ...(row.valid_after === null ? {} : { validAfter: row.valid_after }),
    version: Number(row.version),
    createdAt: row.created_at,
  };
}
