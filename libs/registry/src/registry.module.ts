import { AuditModule } from '#audit';
import { AuthModule } from '#auth';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule, byDatabase, databaseConfig } from '#persistence';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { CatalogStore } from './catalog.store.js';
import { ServerConfigFile } from './config-file/server-config-file.js';
import { DocumentsCatalogStore } from './documents/documents.catalog.store.js';
import { DocumentsServerConfigStore } from './documents/documents.server-config.store.js';
import { DocumentsVirtualServerStore } from './documents/documents.virtual-server.store.js';
import { CredentialSweep } from './credential-sweep.js';
import { ServersController } from './http/servers.controller.js';
import { PostgresCatalogStore } from './postgres/postgres.catalog.store.js';
import { PostgresServerConfigStore } from './postgres/postgres.server-config.store.js';
import { registryConfig } from './registry.config.js';
import { SealedConfig } from './sealed-config.js';
import { ServerCandidates } from './server-candidates.js';
import { ServerChanges } from './server-changes.js';
import { ServerConfigStore } from './server-config.store.js';
import { ServerRegistry } from './server-registry.js';
import { StdioNotice } from './stdio/stdio-notice.js';
import { stdioConfig } from './stdio/stdio.config.js';
import { VirtualServersController } from './virtual-servers/http/virtual-servers.controller.js';
import { PostgresVirtualServerStore } from './virtual-servers/postgres.virtual-server.store.js';
import { VirtualServerDirectory } from './virtual-servers/virtual-server-directory.js';
import { VirtualServerStore } from './virtual-servers/virtual-server.store.js';
import { VirtualServers } from './virtual-servers/virtual-servers.js';

/** Which members a tenant has: checked, sealed, stored, and told to whoever serves them. */
@Module({
  imports: [
    ConfigModule.forFeature(registryConfig),
    ConfigModule.forFeature(stdioConfig),
    ConfigModule.forFeature(databaseConfig),
    AuditModule,
    AuthModule,
    ObservabilityModule,
    PersistenceModule,
  ],
  controllers: [ServersController, VirtualServersController],
  providers: [
    Clock,
    ServerRegistry,
    ServerCandidates,
    CredentialSweep,
    ServerChanges,
    ServerConfigFile,
    StdioNotice,
    SealedConfig,
    byDatabase(ServerConfigStore, { postgres: PostgresServerConfigStore, cloudant: DocumentsServerConfigStore }),
    byDatabase(CatalogStore, { postgres: PostgresCatalogStore, cloudant: DocumentsCatalogStore }),
    VirtualServers,
    VirtualServerDirectory,
    byDatabase(VirtualServerStore, { postgres: PostgresVirtualServerStore, cloudant: DocumentsVirtualServerStore }),
  ],
  exports: [
    ServerRegistry,
    ServerCandidates,
    CredentialSweep,
    ServerChanges,
    ServerConfigFile,
    CatalogStore,
    VirtualServerDirectory,
    VirtualServers,
  ],
})
export class RegistryModule {}
