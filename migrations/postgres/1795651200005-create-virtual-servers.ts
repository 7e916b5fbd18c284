import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Named selections of a tenant's tools, each offered at an address of its own. */
export class CreateVirtualServers1795651200005 implements MigrationInterface {
  readonly name = 'CreateVirtualServers1795651200005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE virtual_servers (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        slug text NOT NULL,
        config jsonb NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, slug)
      )`);
    await runner.query(`ALTER TABLE virtual_servers ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE virtual_servers FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON virtual_servers
        USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
        WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE virtual_servers`);
  }
}
