import { Log, SecretValues } from '#observability';
import type { Change } from '../src/database/transaction.js';
import type { ChangeFeed } from '../src/changes/change-feed.js';
import { ChangeNotices } from '../src/changes/change-notices.js';
import { PostgresChangeFeed } from '../src/changes/postgres.change-feed.js';
import { ApplicationRole } from '../src/database/application-role.js';
import { DatabaseConnection } from '../src/database/database-connection.js';
import { Database } from '../src/database/database.js';
import { Migrator } from '../src/database/migrator.js';
import type { DatabaseConfig } from '../src/persistence.config.js';
import { KeyRingFile } from '../src/sealing/key-ring-file.js';
import { randomRing } from './open-database.js';

/** What another process has of the changes: a pool and a feed of its own. */
export interface OpenChangeFeed {
  readonly feed: ChangeFeed;
  readonly database: Database;
  /** What the feed has told, in this order. */
  readonly told: readonly Change[];
  /** Lines of the log from `info` on. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

/** As behind a connection pooler that hands no notice on. */
class DeafNotices extends ChangeNotices {
  override open(): void {}
}

export interface ChangeFeedOptions {
  /** False leaves it to polling alone. */
  readonly hears?: boolean;
  /** The keys that the process holds, loaded. */
  readonly keys?: KeyRingFile;
}

/** Opens and follows as another process would. */
export async function openChangeFeed(
  config: DatabaseConfig,
  { hears = true, keys: given }: ChangeFeedOptions = {},
): Promise<OpenChangeFeed> {
  const lines: string[] = [];
  const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
  const connection = new DatabaseConnection(config, log);
  const role = new ApplicationRole(connection);
  const database = new Database(connection, role);
  await connection.open();
  await new Migrator(connection, role).up();
  const Notices = hears ? ChangeNotices : DeafNotices;
  const keys = given ?? new KeyRingFile({ ring: randomRing(), file: '' });
  if (!given) await keys.load();
  const feed = new PostgresChangeFeed(database, connection, new Notices(connection, role, log), log, keys);
  const told: Change[] = [];
  feed.onModuleInit();
  feed.onChange((change) => void told.push(change));
  await feed.follow();
  const close = async (): Promise<void> => {
    await feed.onApplicationShutdown();
    await connection.close();
  };
  return { feed, database, told, lines, close };
}
