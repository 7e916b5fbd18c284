import { Log, SecretValues } from '#observability';
import { DatabaseConnection } from '../src/database/database-connection.js';
import { ProcessPresence } from '../src/database/process-presence.js';
import type { DatabaseConfig } from '../src/persistence.config.js';

/** A presence as another process has one: on a connection of its own. */
export interface OpenPresence {
  readonly presence: ProcessPresence;
  close(): Promise<void>;
}

/** Of the embedded database, which cannot be opened twice, it has no connection and needs none. */
export function openPresence(config: DatabaseConfig): OpenPresence {
  const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
  const presence = new ProcessPresence(new DatabaseConnection(config, log), config, log);
  return { presence, close: () => presence.onApplicationShutdown() };
}
