import { AccessManagementModule, AccessModule } from '#access';
import { AuditModule } from '#audit';
import { AuthModule } from '#auth';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { RegistryModule } from '#registry';
import { Module } from '@nestjs/common';
import { CredentialWithdrawal } from './credential-withdrawal.js';
import { IssuerStop } from './issuer-stop.js';
import { KillSwitch } from './kill-switch.js';
import { MemberCredentialsLeft } from './member-credentials-left.js';
import { PrincipalStop } from './principal-stop.js';
import { RevocationTargets } from './revocation-targets.js';
import { RevocationsController } from './revocations.controller.js';
import { ServerStop } from './server-stop.js';
import { Stops } from './stops.js';
import { TenantStop } from './tenant-stop.js';

/** Stops the use of things in an emergency; for the application and for the command line. */
@Module({
  imports: [
    AccessManagementModule,
    AccessModule,
    AuditModule,
    AuthModule,
    ObservabilityModule,
    PersistenceModule,
    RegistryModule,
  ],
  controllers: [RevocationsController],
  providers: [
    CredentialWithdrawal,
    KillSwitch,
    RevocationTargets,
    Stops,
    TenantStop,
    ServerStop,
    PrincipalStop,
    IssuerStop,
    MemberCredentialsLeft,
  ],
  exports: [KillSwitch, RevocationTargets],
})
export class KillSwitchModule {}
