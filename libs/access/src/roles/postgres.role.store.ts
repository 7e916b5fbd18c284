import { type AuditEvent, PostgresAuditTrail } from '#audit';
import type { TenantId } from '#kernel';
import { Database, type Transaction, UnknownTenantError, isForeignKeyViolation } from '#persistence';
import type { Permissions } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { ConflictError } from '../access.errors.js';
import { MAX_ROLES, type RoleDraft, RoleStore, type StoredRole } from './role.store.js';
import { TooManyRolesError } from './roles.errors.js';

interface Row {
  readonly name: string;
  readonly description: string;
  readonly permissions: Permissions;
  readonly version: string;
  readonly created_at: Date;
}

@Injectable()
export class PostgresRoleStore extends RoleStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredRole[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM roles WHERE tenant_id = $1 ORDER BY name', [tenant]),
    );
    return rows.map((row) => stored(tenant, row));
  }

  override async find(tenant: TenantId, name: string): Promise<StoredRole | undefined> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM roles WHERE tenant_id = $1 AND name = $2', [tenant, name]),
    );
    return rows.map((row) => stored(tenant, row))[0];
  }

  override async write(draft: RoleDraft, event: AuditEvent): Promise<StoredRole> {
    const { tenantId: tenant } = draft;
    try {
      return await this.database.inTenant(tenant, async (tx) => {
        const [row] = draft.version === 1 ? await insert(tx, draft) : await update(tx, draft);
        if (!row) throw new ConflictError();
        await this.note(tx, event);
        return stored(tenant, row);
      });
    } catch (error) {
      throw isForeignKeyViolation(error) ? new UnknownTenantError(error) : error;
    }
  }

  override async remove(tenant: TenantId, name: string, event: AuditEvent): Promise<boolean> {
    return this.database.inTenant(tenant, async (tx) => {
      const gone = await tx.execute('DELETE FROM roles WHERE tenant_id = $1 AND name = $2', [tenant, name]);
      if (gone > 0) await this.note(tx, event);
      return gone > 0;
    });
  }

  private async note(tx: Transaction, event: AuditEvent): Promise<void> {
    await this.trail.append(tx, event);
    await tx.announce('access');
  }
}

async function insert(tx: Transaction, { tenantId, name, description, permissions }: RoleDraft): Promise<Row[]> {
  const [count] = await tx.query<{ roles: number }>(
    'SELECT count(*)::int AS roles FROM roles WHERE tenant_id = $1 AND name <> $2',
    [tenantId, name],
  );
  if (count!.roles >= MAX_ROLES) throw new TooManyRolesError(MAX_ROLES);
  return tx.query<Row>(
    `INSERT INTO roles (tenant_id, name, description, permissions, version) VALUES ($1, $2, $3, $4, 1)
     ON CONFLICT DO NOTHING RETURNING *`,
    [tenantId, name, description, JSON.stringify(permissions)],
  );
}

function update(tx: Transaction, { tenantId, name, description, permissions, version }: RoleDraft): Promise<Row[]> {
  return tx.query<Row>(
    `UPDATE roles SET description = $3, permissions = $4, version = $5, updated_at = clock_timestamp()
      WHERE tenant_id = $1 AND name = $2 AND version = $5 - 1 RETURNING *`,
    [tenantId, name, description, JSON.stringify(permissions), version],
  );
}

function stored(tenantId: TenantId, { name, description, permissions, version, created_at }: Row): StoredRole {
  return { tenantId, name, description, permissions, version: Number(version), createdAt: created_at };
}
