import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What sessions of legacy clients leave behind for other replicas and for the time after a restart: that they have ended,
 * what they have subscribed to, events that their clients may come back for. Bodies are sealed. Times are those of the
 * database's clock.
 */
export class CreateSessionRecords1795737600004 implements MigrationInterface {
  readonly name = 'CreateSessionRecords1795737600004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE session_records (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        session text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        body text NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, session, name)
      )`);
    await runner.query(`CREATE INDEX session_records_by_end ON session_records (tenant_id, expires_at)`);
    await runner.query(`ALTER TABLE session_records ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE session_records FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON session_records
        USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
        WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE session_records`);
  }
}
