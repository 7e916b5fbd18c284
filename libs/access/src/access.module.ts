import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { Module, type Type } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccessChanges } from './access-changes.js';
import { AccessDirectory } from './access-directory.js';
import { AccessManagementModule } from './access-management.module.js';
import { accessConfig } from './access.config.js';
import { AccessGuard } from './access.guard.js';
import { CallerIdentity } from './caller-identity.js';
import {
  AUDIENCE_RULE,
  type AudienceRule,
  CREDENTIAL_VERIFIERS,
  type CredentialVerifier,
} from './credential-verifier.js';
import { FailedAttempts } from './failed-attempts.js';
import { ApiKeysController } from './http/api-keys.controller.js';
import { PrincipalsController } from './http/principals.controller.js';
import { RolesController } from './http/roles.controller.js';
import { TenantsController } from './http/tenants.controller.js';
import { ApiKeyUses } from './keys/api-key-uses.js';
import { RequestOrigin } from './request-origin.js';
import { RoutePolicyCheck } from './route-policy-check.js';
import { VerdictCache } from './verdict-cache.js';
import * as offered from './verifiers/index.js';

const verifiers: Type<CredentialVerifier>[] = Object.values(offered);
/** API keys are for everything of their tenant. */
const everywhere: AudienceRule = () => true;

/** Who may call the composer. */
@Module({
  imports: [
    ConfigModule.forFeature(accessConfig),
    DiscoveryModule,
    ObservabilityModule,
    PersistenceModule,
    AccessManagementModule,
  ],
  controllers: [TenantsController, PrincipalsController, ApiKeysController, RolesController],
  providers: [
    Clock,
    AccessChanges,
    AccessDirectory,
    ApiKeyUses,
    FailedAttempts,
    VerdictCache,
    ...verifiers,
    {
      provide: CREDENTIAL_VERIFIERS,
      useFactory: (...all: CredentialVerifier[]) => all,
      inject: verifiers,
    },
    { provide: AUDIENCE_RULE, useValue: everywhere },
    CallerIdentity,
    RequestOrigin,
    RoutePolicyCheck,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [AccessChanges, AccessDirectory, CallerIdentity, RequestOrigin, RoutePolicyCheck],
})
export class AccessModule {}
