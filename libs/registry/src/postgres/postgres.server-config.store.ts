import { type AuditEvent, PostgresAuditTrail } from '#audit';
import { type MemberRef, type ServerId, type TenantId, serverId } from '#kernel';
import { Database, type Transaction } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { StoredCatalog } from '../catalog.store.js';
import { DuplicateServerError, ServerConflictError } from '../registry.errors.js';
import {
  ServerConfigStore,
  type ServerDraft,
  type StoredServer,
  type StoredVersion,
  VERSIONS_KEPT,
  markOf,
} from '../server-config.store.js';
import { writeCatalog } from './postgres.catalog.store.js';

type Times = Pick<Row, 'created_at' | 'updated_at'>;

interface Row {
  readonly id: string;
  readonly config: Record<string, unknown>;
  readonly secrets: Record<string, string>;
  readonly version: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Configurations in Postgres, embedded or not; row-level security holds the tenants apart a second time. */
@Injectable()
export class PostgresServerConfigStore extends ServerConfigStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredServer[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM servers WHERE tenant_id = $1 ORDER BY id COLLATE "C"', [tenant]),
    );
    return rows.map((row) => stored(tenant, row));
  }

  override async ids(tenant: TenantId): Promise<ReadonlySet<ServerId>> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Pick<Row, 'id'>>('SELECT id FROM servers WHERE tenant_id = $1', [tenant]),
    );
    return new Set(rows.map(({ id }) => serverId(id)));
  }

  override async find({ tenantId, serverId }: MemberRef): Promise<StoredServer | undefined> {
    const [row] = await this.database.inTenant(tenantId, (tx) =>
      tx.query<Row>('SELECT * FROM servers WHERE tenant_id = $1 AND id = $2', [tenantId, serverId]),
    );
    return row && stored(tenantId, row);
  }

  override async marks(tenant: TenantId): Promise<ReadonlyMap<ServerId, string>> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Pick<Row, 'id' | 'version' | 'created_at'>>(
        `SELECT id, version, created_at FROM servers
          WHERE tenant_id = $1 AND config->>'status' IS DISTINCT FROM 'deactivated'`,
        [tenant],
      ),
    );
    const marks = rows.map(({ version, created_at }) => markOf({ version: Number(version), createdAt: created_at }));
    return new Map(rows.map(({ id }, i) => [serverId(id), marks[i]!]));
  }

  override async insert(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer> {
    const { tenantId, serverId } = draft.ref;
    return this.database.inTenant(tenantId, async (tx) => {
      const [times] = await tx.query<Times>(
        `INSERT INTO servers (tenant_id, id, config, secrets, version) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, id) DO NOTHING RETURNING created_at, updated_at`,
        [tenantId, serverId, JSON.stringify(draft.config), JSON.stringify(draft.secrets), draft.version],
      );
      if (!times) throw new DuplicateServerError(serverId);
      await keepVersion(tx, draft);
      if (catalog) await writeCatalog(tx, draft.ref, catalog);
      await this.conclude(tx, event);
      return { ...draft, createdAt: times.created_at, updatedAt: times.updated_at };
    });
  }

  override async replace(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer> {
    const { tenantId, serverId } = draft.ref;
    return this.database.inTenant(tenantId, async (tx) => {
      const [times] = await tx.query<Times>(
        `WITH changed AS (
           UPDATE servers SET config = $3, secrets = $4, version = $5, updated_at = clock_timestamp()
           WHERE tenant_id = $1 AND id = $2 AND version = $5 - 1 RETURNING created_at, updated_at
         ) SELECT * FROM changed`,
        [tenantId, serverId, JSON.stringify(draft.config), JSON.stringify(draft.secrets), draft.version],
      );
      if (!times) throw new ServerConflictError(serverId);
      await keepVersion(tx, draft);
      if (catalog) await writeCatalog(tx, draft.ref, catalog);
      await this.conclude(tx, event);
      return { ...draft, createdAt: times.created_at, updatedAt: times.updated_at };
    });
  }

  override async history({ tenantId, serverId }: MemberRef): Promise<readonly StoredVersion[]> {
    const rows = await this.database.inTenant(tenantId, (tx) =>
      tx.query<Omit<Row, 'id' | 'updated_at'>>(
        'SELECT * FROM server_versions WHERE tenant_id = $1 AND server_id = $2 ORDER BY version DESC',
        [tenantId, serverId],
      ),
    );
    return rows.map(({ config, secrets, version, created_at }) => ({
      ref: { tenantId, serverId },
      config,
      secrets,
      version: Number(version),
      createdAt: created_at,
    }));
  }

  override async remove(
    { ref: { tenantId, serverId }, version }: Pick<StoredServer, 'ref' | 'version'>,
    event: AuditEvent,
  ): Promise<boolean> {
    return this.database.inTenant(tenantId, async (tx) => {
      const [found] = await tx.query<{ version: string }>(
        'SELECT version FROM servers WHERE tenant_id = $1 AND id = $2 FOR UPDATE',
        [tenantId, serverId],
      );
      if (!found) return false;
      if (Number(found.version) !== version) throw new ServerConflictError(serverId);
      await tx.execute('DELETE FROM servers WHERE tenant_id = $1 AND id = $2', [tenantId, serverId]);
      await this.conclude(tx, event);
      return true;
    });
  }

  /** Both hold up other changes of the tenant, so they come last. */
  private async conclude(tx: Transaction, event: AuditEvent): Promise<void> {
    await this.trail.append(tx, event);
    await tx.announce('servers');
  }
}

/** Of what is stored by now: a configuration may have megabytes, and goes over the wire once. */
async function keepVersion(tx: Transaction, { ref, version }: ServerDraft): Promise<void> {
  await tx.execute(
    `INSERT INTO server_versions (tenant_id, server_id, version, config, secrets)
     SELECT tenant_id, id, version, config, secrets FROM servers WHERE tenant_id = $1 AND id = $2`,
    [ref.tenantId, ref.serverId],
  );
  await tx.query('DELETE FROM server_versions WHERE tenant_id = $1 AND server_id = $2 AND version <= $3', [
    ref.tenantId,
    ref.serverId,
    version - VERSIONS_KEPT,
  ]);
}

function stored(tenantId: TenantId, row: Row): StoredServer {
  return {
    ref: { tenantId, serverId: serverId(row.id) },
    config: row.config,
    secrets: row.secrets,
    version: Number(row.version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
