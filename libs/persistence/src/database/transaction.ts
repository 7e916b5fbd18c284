import type { PoolClient } from 'pg';
import { TransactionLostError } from '../persistence.errors.js';

/** One open transaction. Useless once it has ended. */
export class Transaction {
  private open = true;

  /** @internal made by `Database` */
  constructor(private readonly client: PoolClient) {}

  get isOpen(): boolean {
    return this.open;
  }

  /** Runs one statement and gives its rows. `bigint` arrives as a string, `jsonb` parsed, `bytea` as a Buffer. */
  async query<R>(sql: string, params: readonly unknown[] = []): Promise<R[]> {
    const { rows } = await this.run(sql, params);
    return rows as R[];
  }

  /** Runs one statement and tells how many rows it touched. */
  async execute(sql: string, params: readonly unknown[] = []): Promise<number> {
    const { rowCount } = await this.run(sql, params);
    return rowCount ?? 0;
  }

  /** @internal */
  end(): void {
    this.open = false;
  }

  private run(sql: string, params: readonly unknown[]) {
    // The connection may serve another tenant by now.
    if (!this.open) throw new TransactionLostError('the transaction of this statement has ended');
    return this.client.query(sql, [...params]);
  }
}
