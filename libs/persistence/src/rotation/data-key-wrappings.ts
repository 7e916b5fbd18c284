import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { PostgresWrappedKeys } from './postgres.wrapped-keys.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

/** The data keys of tenants, those that seal and those that only open. */
@Injectable()
export class DataKeyWrappings extends PostgresWrappedKeys {
  constructor(database: Database, stores: WrappedKeyStores) {
    super(database, stores, { name: 'data_keys', idColumn: 'id', purposeOf: (id) => id });
  }
}
