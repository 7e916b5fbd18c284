import type { TenantId } from '#kernel';
import type { PoolClient } from 'pg';
import { TransactionLostError } from '../persistence.errors.js';

/** Something of a tenant has changed; a topic is the name of a kind of thing, such as `servers`. */
export interface Change {
  readonly tenantId: TenantId;
  readonly topic: string;
}

/** A change and its number: the changes of one topic of one tenant are numbered from 1 without gaps. */
export interface NumberedChange extends Change {
  readonly version: number;
}

/** The channel that wakes the other replicas. What has changed stands in the table, so a lost notice loses nothing. */
export const CHANGE_CHANNEL = 'composer_changes';

/** One open transaction. Useless once it has ended. */
export class Transaction {
  private open = true;
  private readonly changes: NumberedChange[] = [];

  /** @internal made by `Database` */
  constructor(
    private readonly client: PoolClient,
    /** Absent in a transaction of the operator. */
    readonly tenantId?: TenantId,
  ) {}

  get isOpen(): boolean {
    return this.open;
  }

  /** @internal what to tell once the transaction is committed */
  get announced(): readonly NumberedChange[] {
    return this.changes;
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

  /**
   * Tells every replica, once this transaction is committed, that something of its tenant has changed. Transactions that
   * announce the same topic of the same tenant wait for each other from here on, so announce last.
   *
   * @param tenantId another tenant than that of the transaction, for the operator alone
   */
  async announce(topic: string, tenantId: TenantId | undefined = this.tenantId): Promise<void> {
    if (tenantId === undefined) throw new TypeError('only what has changed in a tenant is announced');
    const [row] = await this.query<{ version: string }>(
      `WITH counted AS (
         INSERT INTO change_versions AS known (tenant_id, topic, version, changed_at)
         VALUES ($1, $2, 1, clock_timestamp())
         ON CONFLICT (tenant_id, topic) DO UPDATE
           SET version = known.version + 1, changed_in = pg_current_xact_id(), changed_at = clock_timestamp()
         RETURNING version
       ) SELECT version, pg_notify('${CHANGE_CHANNEL}', '') FROM counted`,
      [tenantId, topic],
    );
    this.changes.push({ tenantId, topic, version: Number(row!.version) });
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
