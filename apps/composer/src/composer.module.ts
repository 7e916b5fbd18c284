import { AccessManagementModule, AccessModule, accessConfig } from '#access';
import { AuthModule } from '#auth';
import { BuilderModule } from '#builder';
import { listenConfig } from '#config';
import { EgressModule } from '#egress';
import { CallAdmission, GatewayModule, ScopeChallenge, SessionSeal } from '#gateway';
import { HealthModule } from '#health';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { RegistryModule } from '#registry';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import { AccessWatch } from './access-watch.js';
import { BearerScopeChallenge } from './bearer-scope-challenge.js';
import { FirstCallerAdvice } from './first-caller-advice.js';
import { FrontListener } from './http/front.listener.js';
import { ProblemFilter } from './http/problem.filter.js';
import { ServedRoutes } from './http/served-routes.js';
import { LimitedCallAdmission } from './limited-call-admission.js';
import { KillSwitchModule } from './kill-switch/kill-switch.module.js';
import { SealedSessionSeal } from './sealed-session-seal.js';
import { SuspendedTenants } from './suspended-tenants.js';

/** The whole application: this list is the architecture. */
@Module({
  imports: [
    ConfigModule.forRoot({ ignoreEnvFile: true, ignoreEnvVars: true }),
    ConfigModule.forFeature(listenConfig),
    ConfigModule.forFeature(accessConfig),
    ObservabilityModule,
    PersistenceModule,
    EgressModule,
    AccessManagementModule,
    AccessModule,
    AuthModule,
    RegistryModule,
    BuilderModule,
    GatewayModule.forRoot({
      imports: [PersistenceModule, AccessModule],
      seal: { provide: SessionSeal, useClass: SealedSessionSeal },
      admission: { provide: CallAdmission, useClass: LimitedCallAdmission },
      challenge: { provide: ScopeChallenge, useClass: BearerScopeChallenge },
    }),
    HealthModule,
    KillSwitchModule,
  ],
  providers: [
    AccessWatch,
    FirstCallerAdvice,
    FrontListener,
    ServedRoutes,
    SuspendedTenants,
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
export class ComposerModule {}
