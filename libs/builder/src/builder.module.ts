import { AuthModule } from '#auth';
import { EgressModule } from '#egress';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { RegistryModule } from '#registry';
import { Module } from '@nestjs/common';
import { MemberMonitor } from './member-monitor.js';
import { MemberPool } from './member-pool.js';
import { MemberPreviews } from './member-previews.js';
import { MemberSync } from './member-sync.js';
import { MemberParts } from './members/member-parts.js';
import { Deadlines } from './wire/deadlines.js';

/** From configurations to live members. */
@Module({
  imports: [AuthModule, EgressModule, ObservabilityModule, RegistryModule],
  providers: [MemberPool, MemberPreviews, MemberMonitor, MemberSync, MemberParts, Deadlines, Clock],
  exports: [MemberPool, MemberPreviews, Deadlines],
})
export class BuilderModule {}
