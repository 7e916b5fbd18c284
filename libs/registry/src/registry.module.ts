import { AuditModule } from '#audit';
import { AuthModule } from '#auth';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { CatalogStore } from './catalog.store.js';
import { ServerConfigFile } from './config-file/server-config-file.js';
import { ServersController } from './http/servers.controller.js';
import { PostgresCatalogStore } from './postgres/postgres.catalog.store.js';
import { PostgresServerConfigStore } from './postgres/postgres.server-config.store.js';
import { registryConfig } from './registry.config.js';
import { SealedConfig } from './sealed-config.js';
import { ServerChanges } from './server-changes.js';
import { ServerConfigStore } from './server-config.store.js';
import { ServerRegistry } from './server-registry.js';
import { VirtualServersController } from './virtual-servers/http/virtual-servers.controller.js';
import { PostgresVirtualServerStore } from './virtual-servers/postgres.virtual-server.store.js';
import { VirtualServerDirectory } from './virtual-servers/virtual-server-directory.js';
import { VirtualServerStore } from './virtual-servers/virtual-server.store.js';
import { VirtualServers } from './virtual-servers/virtual-servers.js';

/** Which members a tenant has: checked, sealed, stored, and told to whoever serves them. */
@Module({
  imports: [ConfigModule.forFeature(registryConfig), AuditModule, AuthModule, ObservabilityModule, PersistenceModule],
  controllers: [ServersController, VirtualServersController],
  providers: [
    ServerRegistry,
    ServerChanges,
    ServerConfigFile,
    SealedConfig,
    { provide: ServerConfigStore, useClass: PostgresServerConfigStore },
    { provide: CatalogStore, useClass: PostgresCatalogStore },
    VirtualServers,
    VirtualServerDirectory,
    { provide: VirtualServerStore, useClass: PostgresVirtualServerStore },
  ],
  exports: [ServerRegistry, ServerChanges, ServerConfigFile, CatalogStore, VirtualServerDirectory],
})
export class RegistryModule {}
