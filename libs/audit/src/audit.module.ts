import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { Module } from '@nestjs/common';
import { AuditTrail } from './audit-trail.js';

/** What was done, by whom, in every tenant. */
@Module({
  imports: [ObservabilityModule, PersistenceModule],
  providers: [AuditTrail, Clock],
  exports: [AuditTrail],
})
export class AuditModule {}
