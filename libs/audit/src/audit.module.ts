import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule, byDatabase, databaseConfig, onlyOn } from '#persistence';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { AuditAnchors } from './audit-anchors.js';
import { AuditBatches } from './audit-batches.js';
import { AuditChainWrappings } from './audit-chain-wrappings.js';
import { AuditCheck } from './audit-check.js';
import { AuditExport } from './audit-export.js';
import { AuditModes } from './audit-modes.js';
import { AuditReader } from './audit-reader.js';
import { AuditStore } from './audit-store.js';
import { AuditTrail } from './audit-trail.js';
import { AuditedTenants } from './audited-tenants.js';
import { DocumentsAuditChainWrappings } from './documents/documents-audit-chain-wrappings.js';
import { DocumentsAuditStore } from './documents/documents.audit-store.js';
import { DocumentsAuditTrail } from './documents/documents.audit-trail.js';
import { DocumentsAuditedTenants } from './documents/documents.audited-tenants.js';
import { OutboxSweep } from './documents/outbox-sweep.js';
import { RecordedDocuments } from './documents/recorded-documents.js';
import { AuditController } from './http/audit.controller.js';
import { PostgresAuditStore } from './postgres.audit-store.js';
import { PostgresAuditTrail } from './postgres.audit-trail.js';
import { PostgresAuditedTenants } from './postgres.audited-tenants.js';

/** What was done, by whom, in every tenant. */
@Module({
  imports: [ConfigModule.forFeature(databaseConfig), ObservabilityModule, PersistenceModule],
  controllers: [AuditController],
  providers: [
    onlyOn('postgres', PostgresAuditTrail),
    onlyOn('cloudant', DocumentsAuditTrail),
    onlyOn('cloudant', RecordedDocuments),
    onlyOn('cloudant', OutboxSweep),
    {
      provide: AuditTrail,
      useFactory: (postgres?: PostgresAuditTrail, documents?: DocumentsAuditTrail) => postgres ?? documents,
      inject: [PostgresAuditTrail, DocumentsAuditTrail],
    },
    byDatabase(AuditStore, { postgres: PostgresAuditStore, cloudant: DocumentsAuditStore }),
    byDatabase(AuditedTenants, { postgres: PostgresAuditedTenants, cloudant: DocumentsAuditedTenants }),
    onlyOn('postgres', AuditChainWrappings),
    onlyOn('cloudant', DocumentsAuditChainWrappings),
    AuditBatches,
    AuditModes,
    AuditReader,
    AuditExport,
    AuditCheck,
    AuditAnchors,
    Clock,
  ],
  exports: [
    AuditTrail,
    PostgresAuditTrail,
    RecordedDocuments,
    AuditBatches,
    AuditModes,
    AuditExport,
    AuditCheck,
    AuditedTenants,
  ],
})
export class AuditModule {}
