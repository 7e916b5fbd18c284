import { type AuditEvent, PostgresAuditTrail } from '#audit';
import { type ServerId, type TenantId, principalId, serverId } from '#kernel';
import { Database, ProcessPresence, type Transaction, UnknownTenantError, isForeignKeyViolation } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { Change, CredentialRecord, Look, Sight } from '../credential-record.js';
import { type TokenKey, credentialId } from '../token-key.js';
import { CredentialsBusyError } from '../token-store.errors.js';
import { CREDENTIALS, TAKEN_MS, type StandingsWish, TokenStore, type Which, below, markOf } from '../token-store.js';

const TAKEN_AT_ONCE = 200;
/** Somebody else has to make it, and remove it again, each time. */
const ATTEMPTS = 5;
/** In whole milliseconds, which a `timestamptz` keeps as they are. */
const NOW = 'round(extract(epoch FROM clock_timestamp()) * 1000)';
/** Followed by milliseconds. */
const RESTING = `updated_at <= clock_timestamp() - interval '1 millisecond' *`;
const TIMES = ['expires_at', 'lease_until', 'held_until', 'next_try_at', 'updated_at'];
const COLUMNS = [
  ...['kind', 'server_id', 'principal_id', 'issuer', 'fingerprint', 'state', 'generation::float8', 'stamp', 'sealed'],
  ...['lifetime_ms::float8', 'claim', 'owner', 'accepted_generation::float8', 'attempts', 'last_error'],
  ...TIMES.map((name) => `(extract(epoch FROM ${name}) * 1000)::float8 AS ${name}`),
  'ARRAY(SELECT (extract(epoch FROM at) * 1000)::float8 FROM unnest(forced_at) at) AS forced_at',
].join(', ');

interface Row {
  readonly kind: TokenKey['kind'];
  readonly server_id: string;
  readonly principal_id: string | null;
  readonly issuer: string;
  readonly fingerprint: string;
  readonly state: CredentialRecord['state'];
  readonly generation: number;
  readonly stamp: string;
  readonly sealed: string | null;
  readonly lifetime_ms: number | null;
  readonly claim: string | null;
  readonly owner: number | null;
  readonly accepted_generation: number;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly expires_at: number | null;
  readonly lease_until: number | null;
  readonly held_until: number | null;
  readonly next_try_at: number | null;
  readonly updated_at: number;
  readonly forced_at: readonly number[];
  readonly is_taken: boolean;
  readonly now: number;
  readonly is_owner_gone: boolean;
}

/**
 * Credentials in Postgres, embedded or not; row-level security holds the tenants apart a second time. A row is locked
 * while its change is decided, which waits for nothing else.
 */
@Injectable()
export class PostgresTokenStore extends TokenStore {
  constructor(
    private readonly database: Database,
    private readonly trail: PostgresAuditTrail,
    private readonly presence: ProcessPresence,
  ) {
    super();
  }

  override async read(key: TokenKey): Promise<Sight | undefined> {
    const row = await this.database.inTenant(key.tenantId, (tx) => this.find(tx, key));
    return row && !row.is_taken ? sightOf(key.tenantId, row) : undefined;
  }

  override async change<T>(key: TokenKey, decide: (look: Look) => Change<T>): Promise<T> {
    return this.database.inTenant(key.tenantId, async (tx) => {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const row = await this.find(tx, key, 'FOR UPDATE');
        const look = row && !row.is_taken ? sightOf(key.tenantId, row) : { record: undefined, now: await this.now(tx) };
        const { result, record, events = [], isNews } = decide(look);
        if (record && !(row ? await update(tx, record) : await insert(tx, record))) continue;
        await this.conclude(tx, events, isNews);
        return result;
      }
      throw new CredentialsBusyError();
    });
  }

  override async list({ tenantId, serverId: server, of }: StandingsWish, limit: number): Promise<readonly Sight[]> {
    const rows = await this.database.inTenant(tenantId, (tx) =>
      tx.query<Row>(
        `SELECT ${this.columns()} FROM credentials WHERE tenant_id = $1 AND server_id = $2 AND taken_at IS NULL AND kind = 'token'
            AND ($3::text[] IS NULL OR coalesce(principal_id, '') = ANY($3))
          ORDER BY credentials.updated_at DESC LIMIT $4`,
        [tenantId, server, of?.map((principal) => principal ?? '') ?? null, limit],
      ),
    );
    return rows.map((row) => sightOf(tenantId, row));
  }

  override async marks(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<Pick<CredentialRecord, 'stamp' | 'state'> & { readonly id: string }>(
        'SELECT id, stamp, state FROM credentials WHERE tenant_id = $1 AND id = ANY($2) AND taken_at IS NULL',
        [tenant, ids],
      ),
    );
    return new Map(rows.map((row) => [row.id, markOf(row)]));
  }

  override async resting(tenant: TenantId, forMs: number): Promise<readonly ServerId[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<{ readonly server_id: string }>(
        `SELECT DISTINCT server_id FROM credentials WHERE tenant_id = $1 AND ${RESTING} $2::float8`,
        [tenant, forMs],
      ),
    );
    return rows.map(({ server_id }) => serverId(server_id));
  }

  override async take(which: Which, event: (record: CredentialRecord) => AuditEvent) {
    const { tenantId: tenant, serverId: server, principalId: principal, kind, issuer, fingerprint, but, from } = which;
    const parts = [
      server,
      principal,
      kind,
      issuer,
      fingerprint,
      but,
      which.restingMs,
      from,
      from === undefined ? undefined : below(from),
    ];
    return this.database.inTenant(tenant, async (tx) => {
      const rows = await tx.query<Row>(
        `WITH taken AS (
           UPDATE credentials SET taken_at = clock_timestamp() WHERE tenant_id = $1 AND id IN (
             SELECT id FROM credentials
              WHERE tenant_id = $1 AND ($2::text IS NULL OR server_id = $2) AND ($3::text IS NULL OR principal_id = $3)
                AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR issuer = $5)
                AND ($6::text IS NULL OR fingerprint = $6) AND ($7::text[] IS NULL OR fingerprint <> ALL($7))
                AND ($8::float8 IS NULL OR ${RESTING} $8)
                AND ($9::text IS NULL OR issuer = $9 OR starts_with(issuer, $10))
                AND (taken_at IS NULL OR taken_at <= clock_timestamp() - interval '${TAKEN_MS} milliseconds')
              LIMIT $11 FOR UPDATE)
           RETURNING *)
         SELECT ${this.columns()} FROM taken`,
        [tenant, ...parts.map((part) => part ?? null), TAKEN_AT_ONCE],
      );
      const taken = rows.map((row) => sightOf(tenant, row).record);
      await this.conclude(tx, taken.map(event), taken.length > 0);
      return taken;
    });
  }

  override async discard(tenant: TenantId, taken: readonly TokenKey[]): Promise<void> {
    await this.database.inTenant(tenant, (tx) =>
      tx.execute('DELETE FROM credentials WHERE tenant_id = $1 AND id = ANY($2) AND taken_at IS NOT NULL', [
        tenant,
        taken.map(credentialId),
      ]),
    );
  }

  private async find(tx: Transaction, key: TokenKey, lock = ''): Promise<Row | undefined> {
    const [row] = await tx.query<Row>(
      `SELECT ${this.columns()} FROM credentials WHERE tenant_id = $1 AND id = $2 ${lock}`,
      [key.tenantId, credentialId(key)],
    );
    return row;
  }

  private async now(tx: Transaction): Promise<number> {
    const [row] = await tx.query<{ now: number }>(`SELECT (${NOW})::float8 AS now`);
    return row!.now;
  }

  private columns(): string {
    const isOwnerGone = `CASE WHEN owner IS NULL THEN false ELSE ${this.presence.goneSql('owner')} END`;
    return `${COLUMNS}, taken_at IS NOT NULL AS is_taken, (${NOW})::float8 AS now, ${isOwnerGone} AS is_owner_gone`;
  }

  /** Both hold up other changes of the tenant, so they come last. */
  private async conclude(tx: Transaction, events: readonly AuditEvent[], isNews = false): Promise<void> {
    if (events.length > 0) await this.trail.append(tx, ...events);
    if (isNews) await tx.announce(CREDENTIALS);
  }
}

/** False if somebody else has made it meanwhile. */
async function insert(tx: Transaction, record: CredentialRecord): Promise<boolean> {
  const { kind, serverId: server, principalId: principal, issuer, fingerprint } = record.key;
  const made = tx.execute(
    `INSERT INTO credentials (tenant_id, id, ${FIELDS.join(', ')}, kind, server_id, principal_id, issuer, fingerprint)
     VALUES ($1, $2, ${VALUES.join(', ')}, $19, $20, $21, $22, $23) ON CONFLICT (tenant_id, id) DO NOTHING`,
    [...valuesOf(record), kind, server, principal ?? null, issuer, fingerprint],
  );
  const count = await made.catch((error: unknown) => {
    throw isForeignKeyViolation(error) ? new UnknownTenantError(error) : error;
  });
  return count === 1;
}

async function update(tx: Transaction, record: CredentialRecord): Promise<boolean> {
  const assignments = FIELDS.map((name, at) => `${name} = ${VALUES[at]}`).join(', ');
  const count = await tx.execute(
    `UPDATE credentials SET ${assignments}, taken_at = NULL WHERE tenant_id = $1 AND id = $2`,
    valuesOf(record),
  );
  return count === 1;
}

const FIELDS = [
  ...['state', 'generation', 'stamp', 'sealed', 'lifetime_ms', 'claim', 'owner', 'accepted_generation', 'attempts'],
  ...['last_error', ...TIMES, 'forced_at'],
];
const VALUES = FIELDS.map((name, at) => {
  if (name === 'forced_at') return `ARRAY(SELECT to_timestamp(at / 1000) FROM unnest($${at + 3}::float8[]) at)`;
  return TIMES.includes(name) ? `to_timestamp($${at + 3}::float8 / 1000)` : `$${at + 3}`;
});

/** In the order of `FIELDS`, behind tenant and id. */
function valuesOf(record: CredentialRecord): readonly unknown[] {
  const { key, state, generation, stamp, sealed, lifetimeMs, claim, acceptedGeneration, attempts, lastError } = record;
  const { expiresAt, heldUntil, nextTryAt, updatedAt, forcedAt } = record;
  const lifetime = lifetimeMs === undefined ? undefined : Math.round(lifetimeMs);
  return [
    ...[key.tenantId, credentialId(key), state, generation, stamp, sealed, lifetime, claim?.id, claim?.owner],
    ...[acceptedGeneration, attempts, lastError, expiresAt, claim?.leaseUntil, heldUntil, nextTryAt, updatedAt],
    forcedAt,
  ].map((value) => value ?? null);
}

function sightOf(tenantId: TenantId, row: Row): Sight {
  const key: TokenKey = {
    tenantId,
    serverId: serverId(row.server_id),
    kind: row.kind,
    ...(row.principal_id === null ? {} : { principalId: principalId(row.principal_id) }),
    issuer: row.issuer,
    fingerprint: row.fingerprint,
  };
  const claim = row.claim !== null &&
    row.lease_until !== null && {
      id: row.claim,
      ...(row.owner === null ? {} : { owner: row.owner }),
      leaseUntil: row.lease_until,
    };
  const record: CredentialRecord = {
    key,
    state: row.state,
    generation: row.generation,
    stamp: row.stamp,
    ...(row.sealed === null ? {} : { sealed: row.sealed }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.lifetime_ms === null ? {} : { lifetimeMs: row.lifetime_ms }),
    ...(claim ? { claim } : {}),
    acceptedGeneration: row.accepted_generation,
    forcedAt: row.forced_at,
    ...(row.held_until === null ? {} : { heldUntil: row.held_until }),
    attempts: row.attempts,
    ...(row.next_try_at === null ? {} : { nextTryAt: row.next_try_at }),
    ...(row.last_error === null ? {} : { lastError: row.last_error }),
    updatedAt: row.updated_at,
  };
  return { record, now: row.now, isOwnerGone: row.is_owner_gone };
}
