import { AuthModule } from '#auth';
import { ObservabilityModule } from '#observability';
import { PersistenceModule } from '#persistence';
import { Module } from '@nestjs/common';
import { CatalogStore } from './catalog.store.js';
import { ServersController } from './http/servers.controller.js';
import { PostgresCatalogStore } from './postgres/postgres.catalog.store.js';
import { PostgresServerConfigStore } from './postgres/postgres.server-config.store.js';
import { SealedConfig } from './sealed-config.js';
import { ServerConfigStore } from './server-config.store.js';
import { ServerRegistry } from './server-registry.js';

/** Which members a tenant has: checked, sealed, stored, and told to whoever serves them. */
@Module({
  imports: [AuthModule, ObservabilityModule, PersistenceModule],
  controllers: [ServersController],
  providers: [
    ServerRegistry,
    SealedConfig,
    { provide: ServerConfigStore, useClass: PostgresServerConfigStore },
    { provide: CatalogStore, useClass: PostgresCatalogStore },
  ],
  exports: [ServerRegistry, CatalogStore],
})
export class RegistryModule {}
