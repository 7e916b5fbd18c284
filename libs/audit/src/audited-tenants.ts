import { type TenantId, tenantId } from '#kernel';
import { Database, UnknownTenantError } from '#persistence';
import { Injectable } from '@nestjs/common';

export interface AuditedTenant {
  readonly id: TenantId;
  readonly slug: string;
}

/** Whose trails there are, for the operator. */
@Injectable()
export class AuditedTenants {
  constructor(private readonly database: Database) {}

  /** Ordered by slug. */
  async list(): Promise<readonly AuditedTenant[]> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<{ id: string; slug: string }>('SELECT id, slug FROM tenants ORDER BY slug COLLATE "C"'),
    );
    return rows.map(({ id, slug }) => ({ id: tenantId(id), slug }));
  }

  /** @throws UnknownTenantError */
  async bySlug(slug: string): Promise<AuditedTenant> {
    const [row] = await this.database.asOperator((tx) =>
      tx.query<{ id: string }>('SELECT id FROM tenants WHERE slug = $1', [slug]),
    );
    if (!row) throw new UnknownTenantError();
    return { id: tenantId(row.id), slug };
  }
}
