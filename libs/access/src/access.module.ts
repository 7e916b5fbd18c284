import { type ListenConfig, listenConfig } from '#config';
import { AuditModule } from '#audit';
import { EgressModule } from '#egress';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule, databaseConfig } from '#persistence';
import { Module, type Type } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccessChanges } from './directory/access-changes.js';
import { AccessDirectory } from './directory/access-directory.js';
import { AccessManagementModule } from './access-management.module.js';
import { accessConfig } from './access.config.js';
import { AccessGuard } from './edge/access.guard.js';
import { AUTHORIZATION_SERVER } from './authorization-server/authorization-server-parts.js';
import { AuthorizationServerListener } from './authorization-server/authorization-server.listener.js';
import { OauthClientsController } from './authorization-server/clients/oauth-clients.controller.js';
import { CallerIdentity } from './identity/caller-identity.js';
import { Challenges } from './edge/challenges.js';
import {
  AUDIENCE_RULE,
  type AudienceRule,
  CREDENTIAL_VERIFIERS,
  type CredentialVerifier,
} from './identity/credential-verifier.js';
import { ClientAddress } from './identity/client-address.js';
import { FailedAttempts } from './identity/failed-attempts.js';
import { ApiKeysController } from './http/api-keys.controller.js';
import { PrincipalsController } from './http/principals.controller.js';
import { RolesController } from './http/roles.controller.js';
import { TenantsController } from './http/tenants.controller.js';
import { ProtectedResourceController } from './http/protected-resource.controller.js';
import { IssuerJudge } from './issuers/issuer-judge.js';
import { IssuerRegistry } from './issuers/issuer-registry.js';
import { IssuersController } from './issuers/issuers.controller.js';
import { Issuers } from './issuers/issuers.js';
import { ApiKeyUses } from './keys/api-key-uses.js';
import { CallSlots } from './limits/call-slots.js';
import { DirectoryTenantLimitsSource } from './limits/directory.tenant-limits-source.js';
import { limitsConfig } from './limits/limits.config.js';
import { RequestLimits } from './limits/request-limits.js';
import { TenantLimitsSource } from './limits/tenant-limits-source.js';
import { McpGate } from './edge/mcp-gate.js';
import { coversRequest } from './edge/mcp-resource.js';
import { oauthConfig } from './oauth.config.js';
import { OldNames } from './old-names.js';
import { RequestOrigin } from './edge/request-origin.js';
import { RoutePolicyCheck } from './edge/route-policy-check.js';
import { IntrospectionVerifier } from './tokens/introspection-verifier.js';
import { IssuerDocuments } from './tokens/issuer-documents.js';
import { JwtVerifier } from './tokens/jwt-verifier.js';
import { TokenPrincipals } from './tokens/token-principals.js';
import { VerdictCache } from './identity/verdict-cache.js';
import * as offered from './verifiers/index.js';

const verifiers: Type<CredentialVerifier>[] = Object.values(offered);
/** What was issued for nothing in particular, as API keys are, is for everything of its tenant. */
const audienceRule =
  ({ publicUrl }: ListenConfig): AudienceRule =>
  ({ audiences }, url) =>
    audiences === undefined || coversRequest(audiences, url, publicUrl);

/** Who may call the composer. */
@Module({
  imports: [
    ConfigModule.forFeature(accessConfig),
    ConfigModule.forFeature(databaseConfig),
    ConfigModule.forFeature(listenConfig),
    ConfigModule.forFeature(oauthConfig),
    ConfigModule.forFeature(limitsConfig),
    AuditModule,
    EgressModule,
    DiscoveryModule,
    ObservabilityModule,
    PersistenceModule,
    AccessManagementModule,
  ],
  controllers: [
    TenantsController,
    PrincipalsController,
    ApiKeysController,
    RolesController,
    IssuersController,
    ProtectedResourceController,
    OauthClientsController,
  ],
  providers: [
    Clock,
    AccessChanges,
    AccessDirectory,
    ApiKeyUses,
    ClientAddress,
    FailedAttempts,
    VerdictCache,
    ...AUTHORIZATION_SERVER,
    ...verifiers,
    {
      provide: CREDENTIAL_VERIFIERS,
      useFactory: (...all: CredentialVerifier[]) => all,
      inject: verifiers,
    },
    { provide: AUDIENCE_RULE, useFactory: audienceRule, inject: [listenConfig.KEY] },
    Issuers,
    IssuerJudge,
    IssuerRegistry,
    IssuerDocuments,
    TokenPrincipals,
    JwtVerifier,
    IntrospectionVerifier,
    Challenges,
    McpGate,
    OldNames,
    CallerIdentity,
    RequestOrigin,
    RoutePolicyCheck,
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: TenantLimitsSource, useClass: DirectoryTenantLimitsSource },
    RequestLimits,
    CallSlots,
  ],
  exports: [
    AccessChanges,
    AccessDirectory,
    AuthorizationServerListener,
    CallerIdentity,
    Challenges,
    IssuerRegistry,
    Issuers,
    McpGate,
    RequestOrigin,
    RoutePolicyCheck,
    RequestLimits,
    CallSlots,
  ],
})
export class AccessModule {}
