import { AuditModule } from '#audit';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule, byDatabase, databaseConfig, onlyOn } from '#persistence';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { ApiKeyAdministration } from './keys/api-key-administration.js';
import { IssuerStore } from './issuers/issuer.store.js';
import { DocumentsIssuerStore } from './issuers/documents.issuer.store.js';
import { PostgresIssuerStore } from './issuers/postgres.issuer.store.js';
import { ApiKeyStore } from './keys/api-key.store.js';
import { DocumentsApiKeyStore } from './keys/documents.api-key.store.js';
import { PostgresApiKeyStore } from './keys/postgres.api-key.store.js';
import { DocumentsPrincipalStore } from './principals/documents.principal.store.js';
import { PostgresPrincipalStore } from './principals/postgres.principal.store.js';
import { PrincipalAdministration } from './principals/principal-administration.js';
import { PrincipalStore } from './principals/principal.store.js';
import { DocumentsRoleStore } from './roles/documents.role.store.js';
import { PostgresRoleStore } from './roles/postgres.role.store.js';
import { RoleAdministration } from './roles/role-administration.js';
import { RoleStore } from './roles/role.store.js';
import { DocumentsTenantStore } from './tenants/documents.tenant.store.js';
import { PostgresTenantStore } from './tenants/postgres.tenant.store.js';
import { TenantAdministration } from './tenants/tenant-administration.js';
import { TenantRemovals } from './tenants/tenant-removals.js';
import { TenantStore } from './tenants/tenant.store.js';

const ADMINISTRATIONS = [TenantAdministration, PrincipalAdministration, RoleAdministration, ApiKeyAdministration];

/** Tenants, principals, roles and keys, and what may be done with them: all that the command line needs of access. */
@Module({
  imports: [ConfigModule.forFeature(databaseConfig), AuditModule, ObservabilityModule, PersistenceModule],
  providers: [
    Clock,
    onlyOn('cloudant', TenantRemovals),
    byDatabase(TenantStore, { postgres: PostgresTenantStore, cloudant: DocumentsTenantStore }),
    byDatabase(PrincipalStore, { postgres: PostgresPrincipalStore, cloudant: DocumentsPrincipalStore }),
    byDatabase(RoleStore, { postgres: PostgresRoleStore, cloudant: DocumentsRoleStore }),
    byDatabase(IssuerStore, { postgres: PostgresIssuerStore, cloudant: DocumentsIssuerStore }),
    byDatabase(ApiKeyStore, { postgres: PostgresApiKeyStore, cloudant: DocumentsApiKeyStore }),
    ...ADMINISTRATIONS,
  ],
  exports: [TenantStore, PrincipalStore, RoleStore, ApiKeyStore, IssuerStore, ...ADMINISTRATIONS],
})
export class AccessManagementModule {}
