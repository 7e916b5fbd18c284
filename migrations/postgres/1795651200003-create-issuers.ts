import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The issuers whose tokens a tenant trusts. Whose token it is must be found out before a tenant is known, so the operator
 * may read the entries of all tenants; nobody but the tenant may write them. `settings` never holds a secret.
 */
export class CreateIssuers1795651200003 implements MigrationInterface {
  readonly name = 'CreateIssuers1795651200003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE issuers (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text NOT NULL,
        issuer text NOT NULL,
        settings jsonb NOT NULL,
        sealed_secret text,
        disabled_at timestamptz,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`CREATE UNIQUE INDEX issuers_by_issuer ON issuers (issuer, tenant_id)`);
    await runner.query(`ALTER TABLE issuers ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE issuers FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON issuers
        USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
        WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    await runner.query(`
      CREATE POLICY operator_reads ON issuers FOR SELECT
        USING (current_setting('app.operator', true) = 'on')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE issuers`);
  }
}
