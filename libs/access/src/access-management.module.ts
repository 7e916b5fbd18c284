import { AuditModule } from '#audit';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { Module } from '@nestjs/common';
import { ApiKeyAdministration } from './keys/api-key-administration.js';
import { IssuerStore } from './issuers/issuer.store.js';
import { PostgresIssuerStore } from './issuers/postgres.issuer.store.js';
import { ApiKeyStore } from './keys/api-key.store.js';
import { PostgresApiKeyStore } from './keys/postgres.api-key.store.js';
import { PostgresPrincipalStore } from './principals/postgres.principal.store.js';
import { PrincipalAdministration } from './principals/principal-administration.js';
import { PrincipalStore } from './principals/principal.store.js';
import { PostgresRoleStore } from './roles/postgres.role.store.js';
import { RoleAdministration } from './roles/role-administration.js';
import { RoleStore } from './roles/role.store.js';
import { PostgresTenantStore } from './tenants/postgres.tenant.store.js';
import { TenantAdministration } from './tenants/tenant-administration.js';
import { TenantStore } from './tenants/tenant.store.js';

const ADMINISTRATIONS = [TenantAdministration, PrincipalAdministration, RoleAdministration, ApiKeyAdministration];

/** Tenants, principals, roles and keys, and what may be done with them: all that the command line needs of access. */
@Module({
  imports: [AuditModule, ObservabilityModule, PersistenceModule],
  providers: [
    Clock,
    { provide: TenantStore, useClass: PostgresTenantStore },
    { provide: PrincipalStore, useClass: PostgresPrincipalStore },
    { provide: RoleStore, useClass: PostgresRoleStore },
    { provide: IssuerStore, useClass: PostgresIssuerStore },
    { provide: ApiKeyStore, useClass: PostgresApiKeyStore },
    ...ADMINISTRATIONS,
  ],
  exports: [TenantStore, PrincipalStore, RoleStore, ApiKeyStore, IssuerStore, ...ADMINISTRATIONS],
})
export class AccessManagementModule {}
