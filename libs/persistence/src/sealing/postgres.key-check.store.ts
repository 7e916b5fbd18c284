import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { KeyCheckStore, type StoredKeyCheck } from './key-check.store.js';

@Injectable()
export class PostgresKeyCheckStore extends KeyCheckStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async list(): Promise<readonly StoredKeyCheck[]> {
    return this.database.asOperator((tx) =>
      tx.query<StoredKeyCheck>(
        `SELECT kek_id AS "keyId", sealed FROM key_checks WHERE dropped_at IS NULL ORDER BY kek_id`,
      ),
    );
  }

  override async admit({ keyId, sealed }: StoredKeyCheck): Promise<void> {
    await this.database.asOperator((tx) =>
      tx.execute(
        `INSERT INTO key_checks (kek_id, sealed) VALUES ($1, $2)
         ON CONFLICT (kek_id) DO UPDATE SET dropped_at = NULL WHERE key_checks.dropped_at IS NOT NULL`,
        [keyId, sealed],
      ),
    );
  }
}
