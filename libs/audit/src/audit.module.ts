import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { Module } from '@nestjs/common';
import { AuditAnchors } from './audit-anchors.js';
import { AuditBatches } from './audit-batches.js';
import { AuditChainWrappings } from './audit-chain-wrappings.js';
import { AuditCheck } from './audit-check.js';
import { AuditExport } from './audit-export.js';
import { AuditModes } from './audit-modes.js';
import { AuditReader } from './audit-reader.js';
import { AuditTrail } from './audit-trail.js';
import { AuditedTenants } from './audited-tenants.js';
import { AuditController } from './http/audit.controller.js';
import { PostgresAuditTrail } from './postgres.audit-trail.js';

/** What was done, by whom, in every tenant. */
@Module({
  imports: [ObservabilityModule, PersistenceModule],
  controllers: [AuditController],
  providers: [
    PostgresAuditTrail,
    { provide: AuditTrail, useExisting: PostgresAuditTrail },
    AuditChainWrappings,
    AuditBatches,
    AuditModes,
    AuditReader,
    AuditExport,
    AuditCheck,
    AuditAnchors,
    AuditedTenants,
    Clock,
  ],
  exports: [AuditTrail, PostgresAuditTrail, AuditBatches, AuditModes, AuditExport, AuditCheck, AuditedTenants],
})
export class AuditModule {}
