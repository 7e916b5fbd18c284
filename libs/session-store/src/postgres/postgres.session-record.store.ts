import type { TenantId } from '#kernel';
import { Database, inEveryTenant } from '#persistence';
import { Injectable } from '@nestjs/common';
import {
  type NewSessionRecord,
  RANGE_LIMIT,
  type RecordRange,
  SESSION_LETTERS,
  type SessionRecord,
  SessionRecordStore,
} from '../session-record.store.js';

const ALIVE = 'expires_at > clock_timestamp()';

/** Records in Postgres, embedded or not; row-level security holds the tenants apart a second time. */
@Injectable()
export class PostgresSessionRecordStore extends SessionRecordStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async put(tenant: TenantId, records: readonly NewSessionRecord[], isNews: boolean): Promise<void> {
    const column = <T>(of: (record: NewSessionRecord) => T): T[] => records.map(of);
    await this.database.inTenant(tenant, async (tx) => {
      await tx.execute(
        `INSERT INTO session_records (tenant_id, session, name, body, expires_at)
         SELECT $1, r.session, r.name, r.body, clock_timestamp() + r.seconds * interval '1 second'
           FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[]) AS r (session, name, body, seconds)
             ON CONFLICT (tenant_id, session, name) DO UPDATE SET body = EXCLUDED.body, expires_at = EXCLUDED.expires_at`,
        [
          tenant,
          column(({ session }) => session),
          column(({ name }) => name),
          column(({ body }) => body),
          column(({ seconds }) => seconds),
        ],
      );
      if (isNews) await tx.announce(SESSION_LETTERS);
    });
  }

  override async list(tenant: TenantId, session: string, { prefix, after = '' }: RecordRange) {
    return this.database.inTenant(tenant, (tx) =>
      tx.query<SessionRecord>(
        `SELECT session, name, body FROM session_records
          WHERE tenant_id = $1 AND session = $2 AND starts_with(name, $3) AND name > $4 AND ${ALIVE}
          ORDER BY name LIMIT ${RANGE_LIMIT}`,
        [tenant, session, prefix, after],
      ),
    );
  }

  override async remove(tenant: TenantId, session: string, prefix: string): Promise<void> {
    await this.database.inTenant(tenant, (tx) =>
      tx.execute('DELETE FROM session_records WHERE tenant_id = $1 AND session = $2 AND starts_with(name, $3)', [
        tenant,
        session,
        prefix,
      ]),
    );
  }

  override sweep(limit: number): Promise<number> {
    return inEveryTenant(this.database, (tx, tenant) =>
      tx.execute(
        `DELETE FROM session_records WHERE tenant_id = $1 AND (session, name) IN (
             SELECT session, name FROM session_records WHERE tenant_id = $1 AND NOT ${ALIVE} LIMIT $2)`,
        [tenant, limit],
      ),
    );
  }
}
