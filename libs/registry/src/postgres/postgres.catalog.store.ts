import type { MemberRef, TenantId } from '#kernel';
import { Database, type Transaction } from '#persistence';
import { Injectable } from '@nestjs/common';
import { storableJson } from '../plain-input.js';
import { CatalogStore, type StoredCatalog } from '../catalog.store.js';

interface Row {
  readonly server_id: string;
  readonly fetched_at: Date;
  readonly catalog: unknown;
  readonly document?: Buffer | null;
}

@Injectable()
export class PostgresCatalogStore extends CatalogStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async list(tenant: TenantId): Promise<ReadonlyMap<string, StoredCatalog>> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT server_id, fetched_at, catalog FROM server_catalogs WHERE tenant_id = $1', [tenant]),
    );
    return new Map(rows.map((row) => [row.server_id, stored(row)]));
  }

  override async read({ tenantId, serverId }: MemberRef): Promise<StoredCatalog | undefined> {
    const [row] = await this.database.inTenant(tenantId, (tx) =>
      tx.query<Row>('SELECT * FROM server_catalogs WHERE tenant_id = $1 AND server_id = $2', [tenantId, serverId]),
    );
    return row && stored(row);
  }

  override async write(ref: MemberRef, catalog: StoredCatalog): Promise<void> {
    await this.database.inTenant(ref.tenantId, (tx) => writeCatalog(tx, ref, catalog));
  }
}

/** Writes a catalogue within a transaction that may also write the server. */
export async function writeCatalog(tx: Transaction, ref: MemberRef, catalog: StoredCatalog): Promise<void> {
  await tx.query(
    `INSERT INTO server_catalogs (tenant_id, server_id, fetched_at, catalog, document)
     SELECT tenant_id, id, $3, $4::jsonb, $5 FROM servers WHERE tenant_id = $1 AND id = $2
     ON CONFLICT (tenant_id, server_id) DO UPDATE SET fetched_at = excluded.fetched_at, catalog = excluded.catalog,
       document = coalesce(excluded.document, server_catalogs.document)`,
    [ref.tenantId, ref.serverId, catalog.fetchedAt, storableJson(catalog.content), catalog.document ?? null],
  );
}

function stored({ fetched_at, catalog, document }: Row): StoredCatalog {
  return { fetchedAt: fetched_at, content: catalog, ...(document ? { document } : {}) };
}
