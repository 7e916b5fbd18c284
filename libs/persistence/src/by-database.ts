import type { Abstract, FactoryProvider, Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type DatabaseConfig, databaseConfig } from './persistence.config.js';

/** The two implementations of a port: on Postgres, embedded or not, and on documents. */
export interface Implementations<T> {
  readonly postgres: Type<T>;
  readonly cloudant: Type<T>;
}

/** Provides a port by the implementation that fits the database of this process; the other one is never made. */
export function byDatabase<T>(
  port: Abstract<T>,
  { postgres, cloudant }: Implementations<T>,
): FactoryProvider<Promise<T>> {
  return {
    provide: port,
    useFactory: (config: DatabaseConfig, modules: ModuleRef) =>
      modules.create(config.type === 'cloudant' ? cloudant : postgres),
    inject: [databaseConfig.KEY, ModuleRef],
  };
}

/** Provides a class where the database of this process is of its kind, and `undefined` elsewhere: nobody may ask for it there. */
export function onlyOn<T>(kind: keyof Implementations<T>, type: Type<T>): FactoryProvider<Promise<T> | undefined> {
  return {
    provide: type,
    useFactory: (config: DatabaseConfig, modules: ModuleRef) =>
      (config.type === 'cloudant') === (kind === 'cloudant') ? modules.create(type) : undefined,
    inject: [databaseConfig.KEY, ModuleRef],
  };
}
