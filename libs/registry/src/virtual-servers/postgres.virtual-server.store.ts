import { type AuditEvent, PostgresAuditTrail } from '#audit';
import type { TenantId } from '#kernel';
import { Database } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { VirtualServer } from './virtual-server.schema.js';
import { type StoredVirtualServer, type VirtualServerDraft, VirtualServerStore } from './virtual-server.store.js';
import { VirtualServerConflictError } from './virtual-servers.errors.js';

const TOPIC = 'virtual-servers';

interface Row {
  readonly slug: string;
  readonly config: Omit<VirtualServer, 'slug'>;
  readonly version: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Virtual servers in Postgres, embedded or not; row-level security holds the tenants apart a second time. */
@Injectable()
export class PostgresVirtualServerStore extends VirtualServerStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredVirtualServer[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM virtual_servers WHERE tenant_id = $1 ORDER BY slug COLLATE "C"', [tenant]),
    );
    return rows.map((row) => stored(tenant, row));
  }

  override async find(tenant: TenantId, slug: string): Promise<StoredVirtualServer | undefined> {
    const [row] = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM virtual_servers WHERE tenant_id = $1 AND slug = $2', [tenant, slug]),
    );
    return row && stored(tenant, row);
  }

  override async write(draft: VirtualServerDraft, event: AuditEvent): Promise<StoredVirtualServer> {
    const { tenantId, version } = draft;
    const { slug, ...config } = draft.server;
    return this.database.inTenant(tenantId, async (tx) => {
      const [row] = await tx.query<Row>(version === 1 ? INSERT : UPDATE, [
        tenantId,
        slug,
        JSON.stringify(config),
        version,
      ]);
      if (!row) throw new VirtualServerConflictError(slug);
      await this.trail.append(tx, event);
      await tx.announce(TOPIC);
      return stored(tenantId, row);
    });
  }

  override async remove(tenant: TenantId, slug: string, event: AuditEvent): Promise<boolean> {
    return this.database.inTenant(tenant, async (tx) => {
      const gone = await tx.execute('DELETE FROM virtual_servers WHERE tenant_id = $1 AND slug = $2', [tenant, slug]);
      if (gone === 0) return false;
      await this.trail.append(tx, event);
      await tx.announce(TOPIC);
      return true;
    });
  }
}

const INSERT = `INSERT INTO virtual_servers (tenant_id, slug, config, version) VALUES ($1, $2, $3, $4)
  ON CONFLICT (tenant_id, slug) DO NOTHING RETURNING *`;
const UPDATE = `UPDATE virtual_servers SET config = $3, version = $4, updated_at = clock_timestamp()
  WHERE tenant_id = $1 AND slug = $2 AND version = $4::bigint - 1 RETURNING *`;

function stored(tenantId: TenantId, { slug, config, version, created_at, updated_at }: Row): StoredVirtualServer {
  return {
    tenantId,
    server: { slug, ...config },
    version: Number(version),
    createdAt: created_at,
    updatedAt: updated_at,
  };
}
