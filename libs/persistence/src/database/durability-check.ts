import { Injectable } from '@nestjs/common';
import { Log } from '#observability';
import { DatabaseConnection } from './database-connection.js';

/** Says so in the log when the database acknowledges writes that a power cut may take back. */
@Injectable()
export class DurabilityCheck {
  constructor(
    private readonly connection: DatabaseConnection,
    private readonly log: Log,
  ) {}

  /** Only of a Postgres of the operator: the embedded database never promised more. */
  async run(): Promise<void> {
    if (this.connection.isEmbedded) return;
    const rows = await this.connection.dataSource.query<{ name: string; setting: string }[]>(
      `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off'`,
    );
    const off = rows.map(({ name }) => name);
    if (off.length > 0)
      this.log.warn('database may lose acknowledged writes in a crash; turn these settings on', { off });
  }
}
