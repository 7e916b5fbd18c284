import { Database, PostgresWrappedKeys, WrappedKeyStores } from '#persistence';
import { Injectable } from '@nestjs/common';
import { CHAIN_KEY } from './audit-hash.js';

/** The keys of the trails' chains, for the rotation of the key ring. */
@Injectable()
export class AuditChainWrappings extends PostgresWrappedKeys {
  constructor(database: Database, stores: WrappedKeyStores) {
    super(database, stores, { name: 'audit_chains', purposeOf: () => CHAIN_KEY });
  }
}
