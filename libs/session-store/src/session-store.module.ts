import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule, byDatabase, databaseConfig } from '#persistence';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { DocumentsSessionRecordStore } from './documents/documents.session-record.store.js';
import { PostgresSessionRecordStore } from './postgres/postgres.session-record.store.js';
import { RecordBudget } from './record-budget.js';
import { SessionLetters } from './session-letters.js';
import { SessionRecordStore } from './session-record.store.js';
import { SessionRecords } from './session-records.js';
import { SessionSweep } from './session-sweep.js';

/** What sessions of legacy clients leave behind, where every replica finds it. */
@Module({
  imports: [ConfigModule.forFeature(databaseConfig), ObservabilityModule, PersistenceModule],
  providers: [
    Clock,
    byDatabase(SessionRecordStore, { postgres: PostgresSessionRecordStore, cloudant: DocumentsSessionRecordStore }),
    RecordBudget,
    SessionRecords,
    SessionLetters,
    SessionSweep,
  ],
  exports: [SessionRecords, SessionLetters],
})
export class SessionStoreModule {}
