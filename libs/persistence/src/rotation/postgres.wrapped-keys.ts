import type { OnModuleInit } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { WrappedKeyStores } from './wrapped-key-stores.js';
import { type Rewrapping, type StoredWrapping, WrappedKeys } from './wrapped-keys.js';

/** A table whose rows carry wrapped keys, in the columns `tenant_id`, `kek_id` and `wrapped`. */
export interface WrappedKeyTable {
  readonly name: string;
  /** The column that tells the keys of one tenant apart; absent where a tenant has one. */
  readonly idColumn?: string;
  /** What a key of the table is bound to besides its tenant, by the value of `idColumn`. */
  readonly purposeOf: (id: string) => string;
}

interface Row {
  readonly tenant_id: string;
  readonly id: string;
  readonly kek_id: string;
  readonly wrapped: Buffer;
}

const FIRST = { tenant: '00000000-0000-0000-0000-000000000000', id: '' };

/** Wrapped keys in a table. Waits for no row that somebody else has locked. */
export class PostgresWrappedKeys extends WrappedKeys implements OnModuleInit {
  readonly name: string;
  private readonly id: string;

  constructor(
    private readonly database: Database,
    private readonly stores: WrappedKeyStores,
    private readonly table: WrappedKeyTable,
  ) {
    super();
    this.name = table.name;
    this.id = table.idColumn === undefined ? `''::text` : `k.${table.idColumn}`;
  }

  onModuleInit(): void {
    this.stores.add(this);
  }

  override async count(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.amongWrappedKeys((tx) =>
      tx.query<{ kek_id: string; count: string }>(
        `SELECT kek_id, count(*) AS count FROM ${this.name} GROUP BY kek_id ORDER BY kek_id`,
      ),
    );
    return new Map(rows.map(({ kek_id, count }) => [kek_id, Number(count)]));
  }

  override async underOthers(keyId: string, after: string | undefined, limit: number) {
    const { tenant, id } = after === undefined ? FIRST : (JSON.parse(after) as typeof FIRST);
    const rows = await this.database.amongWrappedKeys((tx) =>
      tx.query<Row>(
        `SELECT k.tenant_id, ${this.id} AS id, k.kek_id, k.wrapped FROM ${this.name} k
          WHERE k.kek_id <> $1 AND (k.tenant_id, ${this.id}) > ($2::uuid, $3::text)
          ORDER BY k.tenant_id, ${this.id} LIMIT $4`,
        [keyId, tenant, id, limit],
      ),
    );
    return rows.map((row) => this.stored(row));
  }

  override async replace(rewrappings: readonly Rewrapping[]): Promise<number> {
    const places = rewrappings.map(({ before }) => JSON.parse(before.place) as typeof FIRST);
    return this.database.amongWrappedKeys((tx) =>
      tx.execute(
        `WITH found AS (
           SELECT k.tenant_id, ${this.id} AS id, w.kek_id, w.wrapped
             FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::bytea[])
                    AS w(tenant_id, id, before, kek_id, wrapped)
             JOIN ${this.name} k ON k.tenant_id = w.tenant_id AND ${this.id} = w.id AND k.wrapped = w.before
            ORDER BY 1, 2 FOR UPDATE OF k SKIP LOCKED
         )
         UPDATE ${this.name} k SET kek_id = found.kek_id, wrapped = found.wrapped FROM found
          WHERE k.tenant_id = found.tenant_id AND ${this.id} = found.id`,
        [
          places.map(({ tenant }) => tenant),
          places.map(({ id }) => id),
          rewrappings.map(({ before }) => before.wrapped),
          rewrappings.map(({ after }) => after.keyId),
          rewrappings.map(({ after }) => after.wrapped),
        ],
      ),
    );
  }

  private stored({ tenant_id: tenant, id, kek_id: keyId, wrapped }: Row): StoredWrapping {
    const ref = { tenantId: tenant, dataKeyId: this.table.purposeOf(id) };
    return { ref, keyId, wrapped, place: JSON.stringify({ tenant, id }) };
  }
}
