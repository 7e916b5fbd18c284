import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { type KeyHolder, KeyLedger } from './key-ledger.js';

/** As for changes: a replica that was not heard of for so long is not waited for. */
const LIVE_MS = 5_000;

/** In the tables that say which replicas there are, and which keys have ever sealed. */
@Injectable()
export class PostgresKeyLedger extends KeyLedger {
  constructor(private readonly database: Database) {
    super();
  }

  override async holders(): Promise<readonly KeyHolder[]> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<{ name: string; key_ids: string[] | null }>(
        `SELECT name, key_ids FROM replicas
          WHERE seen_at > clock_timestamp() - $1 * interval '1 ms' ORDER BY name`,
        [LIVE_MS],
      ),
    );
    return rows.map(({ name, key_ids }) => ({ name, keyIds: key_ids ?? [] }));
  }

  override async lease(keyId: string, holder: string, ms: number): Promise<string | undefined> {
    return this.database.asOperator(async (tx) => {
      const taken = await tx.execute(
        `UPDATE key_checks SET rewrapped_by = $2, rewrapped_until = clock_timestamp() + $3 * interval '1 ms'
          WHERE kek_id = $1 AND (rewrapped_by = $2 OR rewrapped_until IS NULL OR rewrapped_until < clock_timestamp())`,
        [keyId, holder, ms],
      );
      if (taken > 0) return undefined;
      const [row] = await tx.query<{ by: string | null }>(
        `SELECT rewrapped_by AS by FROM key_checks WHERE kek_id = $1`,
        [keyId],
      );
      return row?.by ?? 'another process';
    });
  }

  override async release(keyId: string, holder: string): Promise<void> {
    await this.database.asOperator((tx) =>
      tx.execute(
        `UPDATE key_checks SET rewrapped_by = NULL, rewrapped_until = NULL WHERE kek_id = $1 AND rewrapped_by = $2`,
        [keyId, holder],
      ),
    );
  }

  /** The change of the row waits for every transaction that has wrapped a key and not ended yet (`holdKey`). */
  override async drop(keyId: string): Promise<void> {
    await this.set(keyId, 'now()');
  }

  override async reinstate(keyId: string): Promise<void> {
    await this.set(keyId, 'NULL');
  }

  private async set(keyId: string, value: 'now()' | 'NULL'): Promise<void> {
    await this.database.asOperator((tx) =>
      tx.execute(`UPDATE key_checks SET dropped_at = ${value} WHERE kek_id = $1`, [keyId]),
    );
  }
}
