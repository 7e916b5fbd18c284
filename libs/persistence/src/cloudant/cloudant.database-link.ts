import { Injectable } from '@nestjs/common';
import { DatabaseLink } from '../database-link.js';
import { PostgresUsers } from '../database/postgres-users.js';
import { CloudantConnection } from './cloudant-connection.js';

/** IBM Cloudant, or another CouchDB. Documents have no schema, so there is nothing to bring up to date. */
@Injectable()
export class CloudantDatabaseLink extends DatabaseLink {
  constructor(
    private readonly connection: CloudantConnection,
    private readonly users: PostgresUsers,
  ) {
    super();
  }

  override async open(): Promise<void> {
    this.users.refuse();
    await this.connection.open();
  }

  override async prepare(): Promise<void> {}

  override ping(): Promise<void> {
    return this.connection.ping();
  }

  override close(): Promise<void> {
    return this.connection.close();
  }
}
