import { Injectable } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { isForeignKeyViolation } from '../database/database-faults.js';
import { Database } from '../database/database.js';
import { UnknownTenantError } from '../persistence.errors.js';
import { holdKey } from '../rotation/hold-key.js';
import { DataKeyStore, type StoredDataKey } from './data-key.store.js';

interface Row {
  readonly id: string;
  readonly kek_id: string;
  readonly wrapped: Buffer;
  readonly created_at: Date;
}

const COLUMNS = 'id, kek_id, wrapped, created_at';

@Injectable()
export class PostgresDataKeyStore extends DataKeyStore {
  constructor(private readonly database: Database) {
    super();
  }

  async readActive(tenant: TenantId): Promise<StoredDataKey | undefined> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>(`SELECT ${COLUMNS} FROM data_keys WHERE retired_at IS NULL`),
    );
    return rows.map(stored)[0];
  }

  async read(tenant: TenantId, id: string): Promise<StoredDataKey | undefined> {
    const rows = await this.database.read(tenant, (tx) =>
      tx.query<Row>(`SELECT ${COLUMNS} FROM data_keys WHERE id = $1`, [id]),
    );
    return rows.map(stored)[0];
  }

  async insert(tenant: TenantId, key: StoredDataKey, replaces?: string): Promise<StoredDataKey> {
    const params = [tenant, key.id, key.keyId, key.wrapped, key.createdAt];
    try {
      const rows = await this.database.inTenant(tenant, async (tx) => {
        await holdKey(tx, key.keyId);
        if (replaces !== undefined) {
          await tx.execute(`UPDATE data_keys SET retired_at = now() WHERE id = $1 AND retired_at IS NULL`, [replaces]);
        }
        // Waits for another process that is about to put its own, and leaves that one in place.
        await tx.execute(
          `INSERT INTO data_keys (tenant_id, id, kek_id, wrapped, created_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (tenant_id) WHERE retired_at IS NULL DO NOTHING`,
          params,
        );
        return tx.query<Row>(`SELECT ${COLUMNS} FROM data_keys WHERE retired_at IS NULL`);
      });
      return stored(rows[0]!);
    } catch (error) {
      throw isForeignKeyViolation(error) ? new UnknownTenantError(error) : error;
    }
  }
}

const stored = ({ id, kek_id, wrapped, created_at }: Row): StoredDataKey => ({
  id,
  keyId: kek_id,
  wrapped,
  createdAt: created_at,
});
