import { AuditModule } from '#audit';
import { Clock } from '#kernel';
import { PersistenceModule } from '#persistence';
import { Module } from '@nestjs/common';
import { ApiKeyStore } from './keys/api-key.store.js';
import { PostgresApiKeyStore } from './keys/postgres.api-key.store.js';
import { PostgresPrincipalStore } from './principals/postgres.principal.store.js';
import { PrincipalStore } from './principals/principal.store.js';
import { PostgresRoleStore } from './roles/postgres.role.store.js';
import { RoleStore } from './roles/role.store.js';
import { PostgresTenantStore } from './tenants/postgres.tenant.store.js';
import { TenantStore } from './tenants/tenant.store.js';

/** Tenants, principals, roles and keys, and what may be done with them: all that the command line needs of access. */
@Module({
  imports: [AuditModule, PersistenceModule],
  providers: [
    Clock,
    { provide: TenantStore, useClass: PostgresTenantStore },
    { provide: PrincipalStore, useClass: PostgresPrincipalStore },
    { provide: RoleStore, useClass: PostgresRoleStore },
    { provide: ApiKeyStore, useClass: PostgresApiKeyStore },
  ],
  exports: [TenantStore, PrincipalStore, RoleStore, ApiKeyStore],
})
export class AccessManagementModule {}
