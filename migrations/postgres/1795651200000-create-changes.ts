import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What has changed, counted per topic of a tenant, for every replica to find; and the replicas. A process follows the
 * changes of all tenants at once, as operator, and may only read them then. `changed_in` is the transaction of the last
 * change: what a reader may have missed is told by its snapshot, and by no clock. A row outlives its tenant, because
 * that a tenant is gone is a change too.
 */
export class CreateChanges1795651200000 implements MigrationInterface {
  readonly name = 'CreateChanges1795651200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE change_versions (
        tenant_id uuid NOT NULL,
        topic text NOT NULL,
        version bigint NOT NULL,
        changed_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, topic)
      )`);
    await runner.query(`CREATE INDEX change_versions_recent ON change_versions (changed_in)`);
    await runner.query(`ALTER TABLE change_versions ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE change_versions FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON change_versions
        USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
        WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    await runner.query(`
      CREATE POLICY operator_reads ON change_versions FOR SELECT
        USING (current_setting('app.operator', true) = 'on')`);
    await runner.query(`
      CREATE TABLE replicas (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        seen_at timestamptz NOT NULL,
        applied_at timestamptz NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE replicas`);
    await runner.query(`DROP TABLE change_versions`);
  }
}
