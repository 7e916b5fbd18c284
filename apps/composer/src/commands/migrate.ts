import type { Migrator } from '#persistence';
import { Command, InvalidArgumentError } from 'commander';
import { print } from './output.js';

interface MigrateOptions {
  readonly down?: number;
  readonly json?: boolean;
}

/** Brings the schema up to date, or takes migrations back. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Bring the database schema up to date. A composer does this itself when it starts.')
    .option('--down <n>', 'take back the newest n migrations, with everything stored in their tables', wholeNumber)
    .action(async ({ down, json }: MigrateOptions) => {
      const { databaseConfig } = await import('#persistence');
      if (databaseConfig().type === 'cloudant') {
        const nothing = 'documents in Cloudant have no schema; a composer makes the database when it starts';
        print(json ? { [down === undefined ? 'applied' : 'undone']: [] } : nothing);
      } else if (down === undefined) {
        const applied = await withMigrator((migrator) => migrator.up());
        print(json ? { applied } : told('applied', applied, 'the schema is up to date'));
      } else {
        const undone = await withMigrator((migrator) => migrator.down(down));
        print(json ? { undone } : told('took back', undone, 'there is no migration to take back'));
      }
    });
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return Number(text);
}

function told(what: string, names: readonly string[], nothing: string): string {
  return names.length === 0 ? nothing : names.map((name) => `${what} ${name}`).join('\n');
}

async function withMigrator<T>(work: (migrator: Migrator) => Promise<T>): Promise<T> {
  // Only when it is needed: the database's libraries take half a second to load.
  const [{ NestFactory }, { MigrationModule, Migrator }] = await Promise.all([
    import('@nestjs/core'),
    import('#persistence'),
  ]);
  const app = await NestFactory.createApplicationContext(MigrationModule, { logger: false, abortOnError: false });
  try {
    return await work(app.get(Migrator));
  } finally {
    await app.close();
  }
}
