import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A credential that is taken out of use is there until its issuer has been told: whoever dies in between leaves it to the
 * next one who takes it.
 */
export class MarkTakenCredentials1795737600003 implements MigrationInterface {
  readonly name = 'MarkTakenCredentials1795737600003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE credentials ADD COLUMN taken_at timestamptz`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE credentials DROP COLUMN taken_at`);
  }
}
