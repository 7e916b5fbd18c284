import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = ['roles', 'principals', 'api_keys'] as const;

/**
 * Who may call: what a tenant may use, its own roles, its principals and their keys. Of a key only the hash of its
 * secret half is kept. The operator, who changes tenants, may count a change of any of them.
 */
export class CreateAccess1795651200002 implements MigrationInterface {
  readonly name = 'CreateAccess1795651200002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tenants
        ADD COLUMN limits jsonb NOT NULL DEFAULT '{}',
        ADD COLUMN audit_mode text NOT NULL DEFAULT 'batched',
        ADD COLUMN suspended_at timestamptz,
        ADD COLUMN version bigint NOT NULL DEFAULT 1,
        ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now()`);
    await runner.query(`
      CREATE TABLE roles (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        name text COLLATE "C" NOT NULL,
        description text NOT NULL,
        permissions jsonb NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, name)
      )`);
    await runner.query(`
      CREATE TABLE principals (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text COLLATE "C" NOT NULL,
        kind text NOT NULL,
        name text NOT NULL,
        roles text[] NOT NULL,
        issuer text,
        subject text,
        disabled_at timestamptz,
        valid_after timestamptz,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, issuer, subject),
        CHECK ((issuer IS NULL) = (subject IS NULL))
      )`);
    await runner.query(`
      CREATE TABLE api_keys (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text COLLATE "C" NOT NULL,
        principal_id text COLLATE "C" NOT NULL,
        name text NOT NULL,
        hash bytea NOT NULL,
        scopes text[] NOT NULL,
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, principal_id) REFERENCES principals (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(`CREATE INDEX api_keys_of_principal ON api_keys (tenant_id, principal_id)`);
    for (const table of TABLES) {
      await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
      await runner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
      await runner.query(`
        CREATE POLICY tenant_isolation ON ${table}
          USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
          WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    }
    await runner.query(`
      CREATE POLICY operator_counts_first ON change_versions FOR INSERT
        WITH CHECK (current_setting('app.operator', true) = 'on')`);
    await runner.query(`
      CREATE POLICY operator_counts ON change_versions FOR UPDATE
        USING (current_setting('app.operator', true) = 'on')
        WITH CHECK (current_setting('app.operator', true) = 'on')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP POLICY operator_counts ON change_versions`);
    await runner.query(`DROP POLICY operator_counts_first ON change_versions`);
    for (const table of [...TABLES].reverse()) await runner.query(`DROP TABLE ${table}`);
    await runner.query(`
      ALTER TABLE tenants
        DROP COLUMN updated_at, DROP COLUMN version, DROP COLUMN suspended_at, DROP COLUMN audit_mode, DROP COLUMN limits`);
  }
}
