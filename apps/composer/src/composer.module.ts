import { AccessManagementModule, AccessModule, accessConfig } from '#access';
import { AuthModule, ConnectableMembers, ConsentModule, Visitors } from '#auth';
import { BuilderModule } from '#builder';
import { listenConfig } from '#config';
import { EgressModule } from '#egress';
import { CallAdmission, CredentialFeed, GatewayModule, ScopeChallenge, SessionSeal } from '#gateway';
import { HealthModule } from '#health';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { RegistryModule } from '#registry';
import { TokenStoreModule } from '#token-store';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import { AccessWatch } from './access-watch.js';
import { AccessVisitors } from './consent/access-visitors.js';
import { CredentialController } from './consent/credential.controller.js';
import { CredentialWatch } from './consent/credential-watch.js';
import { KeptCredentialFeed } from './consent/kept-credential-feed.js';
import { LinkTenants } from './consent/link-tenants.js';
import { RegistryConnectableMembers } from './consent/registry-connectable-members.js';
import { BearerScopeChallenge } from './bearer-scope-challenge.js';
import { CredentialSweeps } from './credential-sweeps.js';
import { FirstCallerAdvice } from './first-caller-advice.js';
import { FrontListener } from './http/front.listener.js';
import { ProblemFilter } from './http/problem.filter.js';
import { ServedRoutes } from './http/served-routes.js';
import { LimitedCallAdmission } from './limited-call-admission.js';
import { KillSwitchModule } from './kill-switch/kill-switch.module.js';
import { SealedSessionSeal } from './sealed-session-seal.js';
import { SuspendedTenants } from './suspended-tenants.js';
import { TenantCredentials } from './tenant-credentials.js';

const gateway = GatewayModule.forRoot({
  imports: [PersistenceModule, AccessModule, AuthModule, BuilderModule, TokenStoreModule],
  seal: { provide: SessionSeal, useClass: SealedSessionSeal },
  admission: { provide: CallAdmission, useClass: LimitedCallAdmission },
  challenge: { provide: ScopeChallenge, useClass: BearerScopeChallenge },
  credentials: { provide: CredentialFeed, useClass: KeptCredentialFeed },
});

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
    gateway,
    ConsentModule.forRoot({
      imports: [AccessManagementModule, AccessModule, RegistryModule, gateway],
      visitors: { provide: Visitors, useClass: AccessVisitors },
      members: { provide: ConnectableMembers, useClass: RegistryConnectableMembers },
    }),
    HealthModule,
    KillSwitchModule,
  ],
  controllers: [CredentialController],
  providers: [
    AccessWatch,
    CredentialWatch,
    CredentialSweeps,
    FirstCallerAdvice,
    FrontListener,
    LinkTenants,
    ServedRoutes,
    SuspendedTenants,
    TenantCredentials,
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
export class ComposerModule {}
