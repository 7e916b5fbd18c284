import { BuilderModule } from '#builder';
import { PersistenceModule } from '#persistence';
import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { ComposerIndicators } from './composer-indicators.js';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

@Module({
  imports: [BuilderModule, PersistenceModule, TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [Readiness, ComposerIndicators],
  exports: [Readiness],
})
export class HealthModule {}
