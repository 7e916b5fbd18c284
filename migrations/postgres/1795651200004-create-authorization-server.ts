import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the authorization server remembers: clients, interactions, codes, grants, refresh tokens, states of sign-ins, its
 * keys. Ids are hashes and payloads sealed. Whoever sweeps expired records learns which tenants there are, as operator,
 * from the table of tenants.
 */
export class CreateAuthorizationServer1795651200004 implements MigrationInterface {
  readonly name = 'CreateAuthorizationServer1795651200004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE authorization_records (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        kind text NOT NULL,
        id text NOT NULL,
        payload text NOT NULL,
        generation bigint NOT NULL,
        grant_id text,
        uid text,
        consumed_at timestamptz,
        expires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, kind, id)
      )`);
    await runner.query(`
      CREATE INDEX authorization_records_by_grant ON authorization_records (tenant_id, grant_id)
        WHERE grant_id IS NOT NULL`);
    await runner.query(`
      CREATE INDEX authorization_records_by_uid ON authorization_records (tenant_id, kind, uid) WHERE uid IS NOT NULL`);
    await runner.query(`
      CREATE INDEX authorization_records_by_end ON authorization_records (tenant_id, expires_at)
        WHERE expires_at IS NOT NULL`);
    await runner.query(`ALTER TABLE authorization_records ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE authorization_records FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON authorization_records
        USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
        WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE authorization_records`);
  }
}
