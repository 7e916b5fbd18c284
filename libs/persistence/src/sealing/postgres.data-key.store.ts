import { Injectable } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { isForeignKeyViolation } from '../database/database-faults.js';
import { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
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
    return this.put(tenant, key, async (tx, params) => {
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
  }

  async keep(tenant: TenantId, key: StoredDataKey): Promise<StoredDataKey> {
    return this.put(tenant, key, async (tx, params) => {
      // Retired from the first: it never seals.
      await tx.execute(
        `INSERT INTO data_keys (tenant_id, id, kek_id, wrapped, created_at, retired_at) VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (tenant_id, id) DO NOTHING`,
        params,
      );
      return tx.query<Row>(`SELECT ${COLUMNS} FROM data_keys WHERE id = $1`, [key.id]);
    });
  }

  private async put(
    tenant: TenantId,
    { id, keyId, wrapped, createdAt }: StoredDataKey,
    insert: (tx: Transaction, params: readonly unknown[]) => Promise<readonly Row[]>,
  ): Promise<StoredDataKey> {
    try {
      const rows = await this.database.inTenant(tenant, async (tx) => {
        await holdKey(tx, keyId);
        return insert(tx, [tenant, id, keyId, wrapped, createdAt]);
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
