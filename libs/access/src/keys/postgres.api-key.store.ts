import { type AuditEvent, PostgresAuditTrail } from '#audit';
import { type TenantId, principalId } from '#kernel';
import { Database, type Transaction, isForeignKeyViolation } from '#persistence';
import type { Scope } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { UnknownPrincipalError } from '../principals/principals.errors.js';
import { type ApiKeyDraft, ApiKeyStore, MAX_KEYS, type StoredApiKey } from './api-key.store.js';
import { TooManyKeysError } from './keys.errors.js';

interface Row {
  readonly id: string;
  readonly principal_id: string;
  readonly name: string;
  readonly hash: Buffer;
  readonly scopes: readonly Scope[];
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
  readonly created_at: Date;
}

@Injectable()
export class PostgresApiKeyStore extends ApiKeyStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredApiKey[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM api_keys WHERE tenant_id = $1 ORDER BY created_at DESC, id LIMIT $2', [
        tenant,
        MAX_KEYS,
      ]),
    );
    return rows.map((row) => stored(tenant, row));
  }

  override async find(tenant: TenantId, id: string): Promise<StoredApiKey | undefined> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Row>('SELECT * FROM api_keys WHERE tenant_id = $1 AND id = $2', [tenant, id]),
    );
    return rows.map((row) => stored(tenant, row))[0];
  }

  override async insert(draft: ApiKeyDraft, event: AuditEvent): Promise<StoredApiKey> {
    const { tenantId: tenant, id, principalId: principal, name, hash, scopes, expiresAt } = draft;
    try {
      return await this.database.inTenant(tenant, async (tx) => {
        await makeRoom(tx, tenant);
        const [row] = await tx.query<Row>(
          `INSERT INTO api_keys (tenant_id, id, principal_id, name, hash, scopes, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *`,
          [tenant, id, principal, name, hash, scopes, expiresAt ?? null],
        );
        await this.note(tx, event);
        return stored(tenant, row!);
      });
    } catch (error) {
      throw isForeignKeyViolation(error) ? new UnknownPrincipalError() : error;
    }
  }

  override async revoke(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean> {
    return this.database.inTenant(tenant, async (tx) => {
      const [key] = await tx.query<Pick<Row, 'revoked_at'>>(
        'SELECT revoked_at FROM api_keys WHERE tenant_id = $1 AND id = $2 FOR UPDATE',
        [tenant, id],
      );
      if (!key || key.revoked_at !== null) return key !== undefined;
      await tx.execute('UPDATE api_keys SET revoked_at = clock_timestamp() WHERE tenant_id = $1 AND id = $2', [
        tenant,
        id,
      ]);
      await this.note(tx, event);
      return true;
    });
  }

  override async touch(tenant: TenantId, uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.database.inTenant(tenant, (tx) =>
      tx.execute(
        `UPDATE api_keys k SET last_used_at = u.at FROM unnest($2::text[], $3::timestamptz[]) AS u(id, at)
          WHERE k.tenant_id = $1 AND k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)`,
        [tenant, [...uses.keys()], [...uses.values()]],
      ),
    );
  }

  private async note(tx: Transaction, event: AuditEvent): Promise<void> {
    await this.trail.append(tx, event);
    await tx.announce('access');
  }
}

/** Keys that have ended go when there are too many, oldest first. */
async function makeRoom(tx: Transaction, tenant: TenantId): Promise<void> {
  const [count] = await tx.query<{ keys: number }>('SELECT count(*)::int AS keys FROM api_keys WHERE tenant_id = $1', [
    tenant,
  ]);
  const surplus = count!.keys - MAX_KEYS + 1;
  if (surplus <= 0) return;
  const gone = await tx.execute(
    `DELETE FROM api_keys WHERE tenant_id = $1 AND id IN (
       SELECT id FROM api_keys WHERE tenant_id = $1 AND (revoked_at IS NOT NULL OR expires_at <= clock_timestamp())
        ORDER BY created_at LIMIT $2)`,
    [tenant, surplus],
  );
  if (gone < surplus) throw new TooManyKeysError(MAX_KEYS);
}

function stored(tenantId: TenantId, row: Row): StoredApiKey {
  return {
    tenantId,
    id: row.id,
    principalId: principalId(row.principal_id),
    name: row.name,
    hash: row.hash,
    scopes: row.scopes,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
    createdAt: row.created_at,
  };
}
