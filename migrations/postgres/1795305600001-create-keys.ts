import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Wrapped data keys, one live one per tenant, and a check record per key of the key ring. */
export class CreateKeys1795305600001 implements MigrationInterface {
  readonly name = 'CreateKeys1795305600001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE data_keys (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text NOT NULL,
        kek_id text NOT NULL,
        wrapped bytea NOT NULL,
        created_at timestamptz NOT NULL,
        retired_at timestamptz,
        PRIMARY KEY (tenant_id, id)
      )`);
    // Two processes that create a tenant's key at once end with one.
    await runner.query(`CREATE UNIQUE INDEX data_keys_active ON data_keys (tenant_id) WHERE retired_at IS NULL`);
    await runner.query(`ALTER TABLE data_keys ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE data_keys FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON data_keys
        USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
        WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    await runner.query(`
      CREATE TABLE key_checks (
        kek_id text PRIMARY KEY,
        sealed text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE key_checks`);
    await runner.query(`DROP TABLE data_keys`);
  }
}
