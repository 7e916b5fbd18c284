import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = ['audit_chains', 'audit_events'] as const;

/**
 * The audit trail: events in the order in which they were chained, and the head of each tenant's chain. Events are only
 * ever added: the application role gets no right to change or to delete one. `body` is the text that the hash is made
 * of; the columns beside it repeat parts of it for searching.
 */
export class CreateAudit1795651200001 implements MigrationInterface {
  readonly name = 'CreateAudit1795651200001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_chains (
        tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
        kek_id text NOT NULL,
        wrapped bytea NOT NULL,
        seq bigint NOT NULL,
        hash bytea NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE audit_events (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        seq bigint NOT NULL,
        at timestamptz NOT NULL,
        action text NOT NULL,
        actor text NOT NULL,
        target text,
        body text NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (tenant_id, seq)
      )`);
    await runner.query(`CREATE INDEX audit_events_by_action ON audit_events (tenant_id, action text_pattern_ops, seq)`);
    await runner.query(`CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor, seq)`);
    await runner.query(`CREATE INDEX audit_events_by_target ON audit_events (tenant_id, target, seq)`);
    await runner.query(`CREATE INDEX audit_events_by_time ON audit_events (tenant_id, at)`);
    for (const table of TABLES) {
      await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
      await runner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
      await runner.query(`
        CREATE POLICY tenant_isolation ON ${table}
          USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
          WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
    }
    // The heads of all trails, for anchors.
    await runner.query(`
      CREATE POLICY operator_reads ON audit_chains FOR SELECT
        USING (current_setting('app.operator', true) = 'on')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [...TABLES].reverse()) await runner.query(`DROP TABLE ${table}`);
  }
}
