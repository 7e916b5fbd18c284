import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { accessConfig } from './access.config.js';
import { AccessGuard } from './access.guard.js';
import { CallerIdentity } from './caller-identity.js';
import { RequestOrigin } from './request-origin.js';
import { RoutePolicyCheck } from './route-policy-check.js';

/** Who may call the composer. */
@Module({
  imports: [ConfigModule.forFeature(accessConfig), DiscoveryModule],
  providers: [CallerIdentity, RequestOrigin, RoutePolicyCheck, { provide: APP_GUARD, useClass: AccessGuard }],
  exports: [CallerIdentity, RequestOrigin, RoutePolicyCheck],
})
export class AccessModule {}
