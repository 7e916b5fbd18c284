import { Injectable } from '@nestjs/common';
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import { ComposerError } from '#kernel';
import { MigrationError } from '../persistence.errors.js';
import { ApplicationRole } from './application-role.js';
import { DatabaseConnection } from './database-connection.js';
import { asDatabaseFault } from './database-faults.js';

/** Any number will do as long as nobody else takes it in this database: "mcpc" in ASCII. */
const LOCK = 0x6d637063;
const LOCK_WAIT = '60s';
const FORBIDDEN = '42501';

/**
 * Brings the schema up to date, as the role that owns it. Replicas that start together take turns: the first one
 * migrates, the others find nothing to do. Each migration is a transaction of its own.
 */
@Injectable()
export class Migrator {
  constructor(
    private readonly connection: DatabaseConnection,
    private readonly role: ApplicationRole,
  ) {}

  /**
   * Runs what is pending and gives the application role its rights.
   *
   * @returns the names of the migrations that ran, oldest first
   * @throws MigrationError, UnsafeRoleError, DatabaseUnavailableError
   */
  async up(): Promise<string[]> {
    return this.exclusively(async (executor, owner) => {
      const hasPending = (await executor.getPendingMigrations()).length > 0;
      const done = hasPending ? await executor.executePendingMigrations() : [];
      await this.role.establish(owner);
      return done.map(({ name }) => name);
    });
  }

  /**
   * Takes back the last `count` migrations, newest first, and everything that is stored in their tables.
   *
   * @returns the names of those taken back
   */
  async down(count: number): Promise<string[]> {
    return this.exclusively(async (executor) => {
      const executed = await executor.getExecutedMigrations(); // newest first
      const names = executed.slice(0, count).map(({ name }) => name);
      for (const _ of names) await executor.undoLastMigration();
      return names;
    });
  }

  /** The names of the migrations that `up` would run. */
  async pending(): Promise<string[]> {
    return this.connection.asOwner(async (owner) => {
      const migrations = await new MigrationExecutor(owner).getPendingMigrations();
      return migrations.map(({ name }) => name);
    });
  }

  private async exclusively<T>(work: (executor: MigrationExecutor, owner: DataSource) => Promise<T>): Promise<T> {
    return this.connection.asOwner(async (owner) => {
      const runner = owner.createQueryRunner();
      try {
        // The embedded database has one session, and its directory has a lock of its own.
        if (this.connection.isEmbedded) await runner.release();
        else await lock(runner);
        const executor = new MigrationExecutor(owner);
        executor.transaction = 'each';
        return await work(executor, owner);
      } catch (error) {
        throw explained(error);
      } finally {
        if (!runner.isReleased) await runner.release(); // and with the pool of `asOwner` the lock goes
      }
    });
  }
}

async function lock(runner: QueryRunner): Promise<void> {
  await runner.query(`SET lock_timeout = '${LOCK_WAIT}'`);
  await runner.query('SELECT pg_advisory_lock($1)', [LOCK]);
}

function explained(error: unknown): unknown {
  const fault = asDatabaseFault(error);
  if (fault instanceof ComposerError) return fault;
  const { code, message } = error as { code?: string; message?: string };
  if (code === FORBIDDEN) {
    return new MigrationError(
      'migrations are pending and the connecting role may not run them; run them with MIGRATION_DATABASE_URL of the role that owns the tables',
      error,
    );
  }
  return new MigrationError(`a migration failed and was rolled back: ${message}`, error);
}
