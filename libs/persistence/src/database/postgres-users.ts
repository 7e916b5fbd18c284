import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Database } from './database.js';

/**
 * Who asks for the Postgres although this process has none. It would fail at the first request that needs it, so the
 * start fails instead.
 */
@Injectable()
export class PostgresUsers {
  constructor(private readonly modules: ModulesContainer) {}

  /** @throws Error naming them */
  refuse(): void {
    const users = [...this.modules.values()].flatMap(({ providers, controllers }) =>
      [...providers.values(), ...controllers.values()]
        .filter(({ metatype, inject }) => asksFor(metatype, inject ?? undefined))
        .map(({ name }) => String(name)),
    );
    if (users.length > 0) throw new Error(`there is no Postgres for ${[...new Set(users)].join(', ')}`);
  }
}

function asksFor(type: unknown, inject: readonly unknown[] | undefined): boolean {
  if (inject !== undefined) return inject.includes(Database);
  if (typeof type !== 'function') return false;
  return ((Reflect.getMetadata('design:paramtypes', type) ?? []) as readonly unknown[]).includes(Database);
}
