import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = ['data_keys', 'audit_chains'] as const;

/**
 * What the rotation of the key ring needs: which keys each replica holds, the one that it seals with first; which keys
 * were dropped, so that nobody wraps with one any more; who re-wraps at the moment. Wrapped keys of all tenants can be
 * read and wrapped anew by a transaction that says so with `app.rewrap`, and by nothing else that has no tenant.
 */
export class RotateKeys1795737600002 implements MigrationInterface {
  readonly name = 'RotateKeys1795737600002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE replicas ADD COLUMN key_ids text[]`);
    await runner.query(`
      ALTER TABLE key_checks
        ADD COLUMN dropped_at timestamptz,
        ADD COLUMN rewrapped_by text,
        ADD COLUMN rewrapped_until timestamptz`);
    for (const table of TABLES) {
      await runner.query(`
        CREATE POLICY rewrap_reads ON ${table} FOR SELECT USING (current_setting('app.rewrap', true) = 'on')`);
      await runner.query(`
        CREATE POLICY rewrap_updates ON ${table} FOR UPDATE
          USING (current_setting('app.rewrap', true) = 'on')
          WITH CHECK (current_setting('app.rewrap', true) = 'on')`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) {
      await runner.query(`DROP POLICY rewrap_updates ON ${table}`);
      await runner.query(`DROP POLICY rewrap_reads ON ${table}`);
    }
    await runner.query(
      `ALTER TABLE key_checks DROP COLUMN rewrapped_until, DROP COLUMN rewrapped_by, DROP COLUMN dropped_at`,
    );
    await runner.query(`ALTER TABLE replicas DROP COLUMN key_ids`);
  }
}
