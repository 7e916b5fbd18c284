import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = ['servers', 'server_versions', 'server_catalogs'] as const;

/**
 * Member servers, every version of their configuration, and the last catalogue that each one gave.
 * `config` never holds a secret; `secrets` maps the path of a secret in the configuration to its sealed value.
 */
export class CreateServers1795305600002 implements MigrationInterface {
  readonly name = 'CreateServers1795305600002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE servers (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text NOT NULL,
        config jsonb NOT NULL,
        secrets jsonb NOT NULL DEFAULT '{}',
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`
      CREATE TABLE server_versions (
        tenant_id uuid NOT NULL,
        server_id text NOT NULL,
        version bigint NOT NULL,
        config jsonb NOT NULL,
        secrets jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, server_id, version),
        FOREIGN KEY (tenant_id, server_id) REFERENCES servers (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE TABLE server_catalogs (
        tenant_id uuid NOT NULL,
        server_id text NOT NULL,
        fetched_at timestamptz NOT NULL,
        catalog jsonb NOT NULL,
        document bytea,
        PRIMARY KEY (tenant_id, server_id),
        FOREIGN KEY (tenant_id, server_id) REFERENCES servers (tenant_id, id) ON DELETE CASCADE
      )`);
    for (const table of TABLES) {
      await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
      await runner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
      await runner.query(`
        CREATE POLICY tenant_isolation ON ${table}
          USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
          WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [...TABLES].reverse()) await runner.query(`DROP TABLE ${table}`);
  }
}
