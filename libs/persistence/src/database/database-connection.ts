import { Inject, Injectable } from '@nestjs/common';
import { migrations } from '#migrations';
import { Log } from '#observability';
import { Client, type Pool } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { claimEmbeddedDatabase, type EmbeddedDatabase } from '../embedded/index.js';
import { type DatabaseConfig, databaseConfig } from '../persistence.config.js';
import { asDatabaseFault } from './database-faults.js';

/** The connections that transactions share, at most. */
export const POOL_SIZE = 10;
/** One connection holds the migration lock, the other one works. */
const OWNER_POOL_SIZE = 2;
/** How long a request waits for a free connection, or for a new one. */
const ACQUIRE_MS = 5_000;
/** What the driver allows a statement when the server does not even say that it was too slow. */
const QUERY_MS = 10_000;
/** The same for migrations, which may rewrite a table. */
const MIGRATION_MS = 600_000;
const CLOSE_MS = 10_000;

/** The one way to the database of this process: owns the pool and, if there is one, the embedded database. */
@Injectable()
export class DatabaseConnection {
  private source: DataSource | undefined;
  private embedded: EmbeddedDatabase | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    @Inject(databaseConfig.KEY) private readonly config: DatabaseConfig,
    private readonly log: Log,
  ) {}

  get isEmbedded(): boolean {
    return this.config.type === 'embedded';
  }

  /** The pool of the application's own connections. Only between `open` and `close`. */
  get dataSource(): DataSource {
    if (!this.source) throw new Error('the database connection is not open');
    return this.source;
  }

  /** node-postgres' pool beneath the data source. */
  get pool(): Pool {
    return (this.dataSource.driver as unknown as { readonly master: Pool }).master;
  }

  /** @throws DatabaseUnavailableError, DataDirectoryLockedError, EmbeddedStartError */
  async open(): Promise<void> {
    if (this.config.type === 'postgres') {
      this.source = await this.connect(postgresOptions(this.config.url, POOL_SIZE, QUERY_MS));
      return;
    }
    if (this.config.type !== 'embedded') throw new Error('this database is reached another way');
    this.embedded = await claimEmbeddedDatabase(this.config.dataDir);
    this.embedded.onLoss(() => this.log.error('embedded database ended unasked; restart the composer'));
    try {
      this.source = await this.connect(embeddedOptions(this.embedded));
    } catch (error) {
      await this.embedded.close();
      throw error;
    }
  }

  /** Lends a connection of the role that owns the tables. On the embedded database that is the only session. */
  async asOwner<T>(work: (owner: DataSource) => Promise<T>): Promise<T> {
    if (this.config.type !== 'postgres') return work(this.dataSource);
    const owner = await this.connect(postgresOptions(this.config.migrationUrl, OWNER_POOL_SIZE, MIGRATION_MS));
    try {
      return await work(owner);
    } finally {
      await owner.destroy();
    }
  }

  /**
   * Opens a connection beside the pool, for what a connection of the pool cannot do; whoever asks for it ends it. Only
   * on Postgres: the embedded database has one session.
   *
   * @param name by which the database's own views show it
   * @param role to work as; the connecting role unless given
   */
  async openSession(name: string, role?: string): Promise<Client> {
    if (this.config.type !== 'postgres') throw new Error('the embedded database has no second session');
    const session = new Client({
      connectionString: this.config.url,
      application_name: name,
      // With the connection, not by a statement: behind a connection pooler that would stay for whoever comes next.
      ...(role === undefined ? {} : { options: `-c role=${role}` }),
      connectionTimeoutMillis: ACQUIRE_MS,
      query_timeout: QUERY_MS,
      keepAlive: true,
    });
    session.on('error', ignoreIdleLoss); // or one that breaks before anybody listens would end the process
    await session.connect();
    return session;
  }

  /** Waits a moment for running transactions, then closes the pool and the embedded database. Safe to call twice. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    try {
      if (this.source?.isInitialized) await within(CLOSE_MS, this.source.destroy());
    } finally {
      await this.embedded?.close();
    }
  }

  private async connect(options: DataSourceOptions): Promise<DataSource> {
    const source = new DataSource({
      ...options,
      entities: [],
      migrations: [...migrations],
      migrationsTableName: 'composer_migrations',
      migrationsTransactionMode: 'each',
      synchronize: false,
      logging: false,
    });
    try {
      return await source.initialize();
    } catch (error) {
      throw asDatabaseFault(error);
    }
  }
}

function postgresOptions(url: string, max: number, queryTimeout: number): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName: 'mcp-composer',
    installExtensions: false,
    poolErrorHandler: ignoreIdleLoss,
    extra: {
      max,
      idleTimeoutMillis: 30_000,
      connectionTimeoutMillis: ACQUIRE_MS,
      query_timeout: queryTimeout,
      keepAlive: true,
    },
  };
}

function embeddedOptions({ host, port, user, database }: EmbeddedDatabase): DataSourceOptions {
  return {
    type: 'postgres',
    host,
    port,
    username: user,
    database,
    installExtensions: false,
    poolErrorHandler: ignoreIdleLoss,
    // One session is all there is: a second connection would share it, transaction and all.
    extra: { max: 1, idleTimeoutMillis: 0, connectionTimeoutMillis: ACQUIRE_MS, query_timeout: QUERY_MS },
  };
}

/** An idle connection that breaks is replaced when one is needed. */
const ignoreIdleLoss = (): void => undefined;

async function within(deadline: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadline)));
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
