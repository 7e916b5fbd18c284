import { principalId } from '#kernel';
import { Database, inEveryTenant } from '#persistence';
import { Injectable } from '@nestjs/common';
import { type ConsentBounds, PendingConsentStore, type StoredConsent } from '../consents/pending-consent.store.js';

interface Row {
  readonly principal_id: string;
  readonly payload: string;
}

const ALIVE = 'expires_at > clock_timestamp()';

/** Consents in Postgres, embedded or not; row-level security holds the tenants apart a second time. */
@Injectable()
export class PostgresPendingConsentStore extends PendingConsentStore {
  constructor(private readonly database: Database) {
    super();
  }

  override async put({ tenantId: tenant, id, principalId: principal, payload }: StoredConsent, bounds: ConsentBounds) {
    return this.database.inTenant(tenant, async (tx) => {
      await tx.execute(
        `DELETE FROM pending_consents WHERE tenant_id = $1 AND (NOT ${ALIVE} OR id IN (
           SELECT id FROM pending_consents WHERE tenant_id = $1 AND principal_id = $2
            ORDER BY created_at DESC, id OFFSET $3))`,
        [tenant, principal, bounds.ofPrincipal - 1],
      );
      const put = await tx.execute(
        `INSERT INTO pending_consents (tenant_id, id, principal_id, payload, expires_at)
         SELECT $1, $2, $3, $4, clock_timestamp() + $5 * interval '1 second'
          WHERE (SELECT count(*) FROM pending_consents WHERE tenant_id = $1) < $6`,
        [tenant, id, principal, payload, bounds.seconds, bounds.ofTenant],
      );
      return put === 1;
    });
  }

  override async take({ tenantId: tenant, id }: Pick<StoredConsent, 'tenantId' | 'id'>) {
    const [row] = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>(
        `WITH gone AS (DELETE FROM pending_consents WHERE tenant_id = $1 AND id = $2 AND ${ALIVE}
                       RETURNING principal_id, payload)
         SELECT * FROM gone`,
        [tenant, id],
      ),
    );
    return row && { tenantId: tenant, id, principalId: principalId(row.principal_id), payload: row.payload };
  }

  override sweep(limit: number): Promise<number> {
    return inEveryTenant(this.database, (tx, tenant) =>
      tx.execute(
        `DELETE FROM pending_consents WHERE tenant_id = $1 AND id IN (
             SELECT id FROM pending_consents WHERE tenant_id = $1 AND NOT ${ALIVE} LIMIT $2)`,
        [tenant, limit],
      ),
    );
  }
}
