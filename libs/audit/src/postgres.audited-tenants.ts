import { type TenantId, tenantId } from '#kernel';
import { Database } from '#persistence';
import { Injectable } from '@nestjs/common';
import { type AuditMode, type AuditedTenant, AuditedTenants } from './audited-tenants.js';

@Injectable()
export class PostgresAuditedTenants extends AuditedTenants {
  constructor(private readonly database: Database) {
    super();
  }

  override async list(): Promise<readonly AuditedTenant[]> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<{ id: string; slug: string }>('SELECT id, slug FROM tenants ORDER BY slug COLLATE "C"'),
    );
    return rows.map(({ id, slug }) => ({ id: tenantId(id), slug }));
  }

  override async modeOf(tenant: TenantId): Promise<AuditMode> {
    const [row] = await this.database.inTenant(tenant, (tx) =>
      tx.query<{ audit_mode: string }>(`SELECT audit_mode FROM tenants WHERE id = $1`, [tenant]),
    );
    return row?.audit_mode === 'strict' ? 'strict' : 'batched';
  }
}
