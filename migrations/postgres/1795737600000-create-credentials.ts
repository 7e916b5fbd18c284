import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What issuers have given for members, sealed, and who renews it at the moment; and the consents that are under way. A
 * credential outlives an edit of its server and ends with its tenant. Times are those of the database's clock.
 */
export class CreateCredentials1795737600000 implements MigrationInterface {
  readonly name = 'CreateCredentials1795737600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE credentials (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text NOT NULL,
        kind text NOT NULL,
        server_id text NOT NULL,
        principal_id text,
        issuer text NOT NULL,
        fingerprint text NOT NULL,
        state text NOT NULL CHECK (state IN ('live', 'reauth_required', 'config_error', 'held')),
        generation bigint NOT NULL,
        stamp text NOT NULL,
        sealed text,
        expires_at timestamptz,
        lifetime_ms bigint,
        claim text,
        owner integer,
        lease_until timestamptz,
        accepted_generation bigint NOT NULL DEFAULT 0,
        forced_at timestamptz[] NOT NULL DEFAULT '{}',
        held_until timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        next_try_at timestamptz,
        last_error text,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`CREATE INDEX credentials_by_server ON credentials (tenant_id, server_id)`);
    await runner.query(`
      CREATE TABLE pending_consents (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text NOT NULL,
        principal_id text NOT NULL,
        payload text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`CREATE INDEX pending_consents_by_end ON pending_consents (tenant_id, expires_at)`);
    for (const table of ['credentials', 'pending_consents']) {
      await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
      await runner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
      await runner.query(`
        CREATE POLICY tenant_isolation ON ${table}
          USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
          WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE pending_consents`);
    await runner.query(`DROP TABLE credentials`);
  }
}
