import { type AuditEvent, PostgresAuditTrail } from '#audit';
import { type TenantId, tenantId } from '#kernel';
import { Database, type Transaction, UnknownTenantError } from '#persistence';
import { DEFAULT_TENANT } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { ConflictError } from '../access.errors.js';
import { type Tenant, type TenantDraft, type TenantLimits, TenantStore } from './tenant.store.js';
import { DuplicateTenantError } from './tenants.errors.js';

interface Row {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly limits: TenantLimits;
  readonly audit_mode: Tenant['auditMode'];
  readonly suspended_at: Date | null;
  readonly version: string;
  readonly created_at: Date;
}

/** A tenant with a long trail takes a while to go, longer than what a statement is otherwise allowed. */
const REMOVAL_MS = 14_000;

@Injectable()
export class PostgresTenantStore extends TenantStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async list(): Promise<readonly Tenant[]> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<Row>('SELECT * FROM tenants ORDER BY slug COLLATE "C"'),
    );
    return rows.map(stored);
  }

  override async find(id: TenantId): Promise<Tenant | undefined> {
    const rows = await this.database.asOperator((tx) => tx.query<Row>('SELECT * FROM tenants WHERE id = $1', [id]));
    return rows.map(stored)[0];
  }

  override async findBySlug(slug: string): Promise<Tenant | undefined> {
    const rows = await this.database.asOperator((tx) => tx.query<Row>('SELECT * FROM tenants WHERE slug = $1', [slug]));
    return rows.map(stored)[0];
  }

  override async insert({ id, slug, name }: TenantDraft, event: AuditEvent): Promise<Tenant> {
    return this.database.asOperatorIn(DEFAULT_TENANT, async (tx) => {
      const [row] = await tx.query<Row>(
        'INSERT INTO tenants (id, slug, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING *',
        [id, slug, name],
      );
      if (!row) throw new DuplicateTenantError(slug);
      await this.note(tx, id, event);
      return stored(row);
    });
  }

  override async replace(tenant: Tenant, event: AuditEvent): Promise<Tenant> {
    const { id, name, limits, auditMode, suspendedAt, version } = tenant;
    return this.database.asOperatorIn(DEFAULT_TENANT, async (tx) => {
      const [row] = await tx.query<Row>(
        `UPDATE tenants SET name = $2, limits = $3, audit_mode = $4, suspended_at = $5, version = $6,
                updated_at = clock_timestamp()
          WHERE id = $1 AND version = $6 - 1 RETURNING *`,
        [id, name, JSON.stringify(limits), auditMode, suspendedAt ?? null, version],
      );
      if (!row) {
        const known = await tx.query('SELECT FROM tenants WHERE id = $1', [id]);
        throw known.length > 0 ? new ConflictError() : new UnknownTenantError();
      }
      await this.note(tx, id, event);
      return stored(row);
    });
  }

  override async remove(id: TenantId, event: AuditEvent): Promise<boolean> {
    return this.database.asOperatorIn(DEFAULT_TENANT, async (tx) => {
      const [known] = await tx.query('SELECT FROM tenants WHERE id = $1 FOR UPDATE', [id]);
      if (!known) return false;
      await tx.execute(`SELECT set_config('statement_timeout', '${REMOVAL_MS}', true)`);
      await tx.announce('access', id); // its counter goes with it
      await tx.execute('DELETE FROM tenants WHERE id = $1', [id]);
      await this.trail.append(tx, event);
      return true;
    });
  }

  private async note(tx: Transaction, changed: TenantId, event: AuditEvent): Promise<void> {
    await this.trail.append(tx, event);
    await tx.announce('access', changed);
  }
}

function stored(row: Row): Tenant {
  return {
    id: tenantId(row.id),
    slug: row.slug,
    name: row.name,
    limits: row.limits,
    auditMode: row.audit_mode,
    ...(row.suspended_at === null ? {} : { suspendedAt: row.suspended_at }),
    version: Number(row.version),
    createdAt: row.created_at,
  };
}
