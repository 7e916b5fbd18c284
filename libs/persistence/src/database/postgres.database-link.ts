import { Injectable } from '@nestjs/common';
import { DatabaseLink } from '../database-link.js';
import { DatabaseConnection } from './database-connection.js';
import { Database } from './database.js';
import { DurabilityCheck } from './durability-check.js';
import { Migrator } from './migrator.js';

/** Postgres, the operator's or the embedded one. */
@Injectable()
export class PostgresDatabaseLink extends DatabaseLink {
  constructor(
    private readonly connection: DatabaseConnection,
    private readonly durability: DurabilityCheck,
    private readonly migrator: Migrator,
    private readonly database: Database,
  ) {
    super();
  }

  override open(): Promise<void> {
    return this.connection.open();
  }

  override async prepare(): Promise<void> {
    await this.durability.run();
    await this.migrator.up();
  }

  override ping(): Promise<void> {
    return this.database.ping();
  }

  override close(): Promise<void> {
    return this.connection.close();
  }
}
