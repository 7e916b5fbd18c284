import { ObservabilityModule } from '#observability';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { EgressGuard } from './egress-guard.js';
import { egressConfig } from './egress.config.js';
import { GuardedAgents } from './guarded-agents.js';
import { NameResolver } from './name-resolver.js';

/** The guard and the agents that obey it, apart so that axios can be set up with them. Not offered outside. */
@Module({
  imports: [ConfigModule.forFeature(egressConfig), ObservabilityModule],
  providers: [EgressGuard, GuardedAgents, { provide: NameResolver, useFactory: () => new NameResolver() }],
  exports: [EgressGuard, GuardedAgents],
})
export class GuardModule {}
