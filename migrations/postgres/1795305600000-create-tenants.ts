import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tenants. A tenant sees its own row. The operator, who creates and lists tenants, has none and says so with
 * `app.operator` for one transaction.
 */
export class CreateTenants1795305600000 implements MigrationInterface {
  readonly name = 'CreateTenants1795305600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tenants (
        id uuid PRIMARY KEY,
        slug text NOT NULL UNIQUE,
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    // Before row-level security is forced: the owner has no tenant.
    await runner.query(`
      INSERT INTO tenants (id, slug, name) VALUES ('00000000-0000-4000-8000-000000000001', 'default', 'Default')`);
    await runner.query(`ALTER TABLE tenants ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE tenants FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON tenants
        USING (id = NULLIF(current_setting('app.tenant', true), '')::uuid)
        WITH CHECK (id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    await runner.query(`
      CREATE POLICY operator ON tenants
        USING (current_setting('app.operator', true) = 'on')
        WITH CHECK (current_setting('app.operator', true) = 'on')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE tenants`);
  }
}
