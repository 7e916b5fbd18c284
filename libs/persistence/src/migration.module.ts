import { Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { ObservabilityModule } from '#observability';
import { ApplicationRole } from './database/application-role.js';
import { DatabaseConnection } from './database/database-connection.js';
import { Migrator } from './database/migrator.js';
import { databaseConfig } from './persistence.config.js';

/**
 * The database with nothing but its migrations: for a command that runs while no composer does. Runs none by itself,
 * and needs no key ring.
 */
@Module({
  imports: [ConfigModule.forFeature(databaseConfig), ObservabilityModule],
  providers: [DatabaseConnection, ApplicationRole, Migrator],
  exports: [Migrator],
})
export class MigrationModule implements OnModuleInit, OnApplicationShutdown {
  constructor(private readonly connection: DatabaseConnection) {}

  async onModuleInit(): Promise<void> {
    await this.connection.open();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connection.close();
  }
}
