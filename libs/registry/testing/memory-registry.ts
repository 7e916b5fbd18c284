import type { AuthAdapter, AuthStrategy } from '#auth';
import { openAuthAdapter } from '#auth/testing';
import { Log, SecretValues } from '#observability';
import { openMemorySealer } from '#persistence/testing';
import { MemoryCatalogStore } from '../src/memory/memory.catalog.store.js';
import { MemoryServerConfigStore } from '../src/memory/memory.server-config.store.js';
import { SealedConfig } from '../src/sealed-config.js';
import { ServerCandidates } from '../src/server-candidates.js';
import { ServerRegistry } from '../src/server-registry.js';

export interface MemoryRegistry {
  readonly registry: ServerRegistry;
  readonly candidates: ServerCandidates;
  readonly servers: MemoryServerConfigStore;
  readonly catalogs: MemoryCatalogStore;
  readonly auth: AuthAdapter;
  readonly log: Log;
  /** What was logged. */
  readonly lines: readonly string[];
  /** A registry of another process on the same stores and keys. */
  again(): ServerRegistry;
}

/**
 * The real registry on stores of one process, for tests of what stands above it.
 *
 * @param more strategies of the test's own
 */
export async function openMemoryRegistry(...more: readonly AuthStrategy[]): Promise<MemoryRegistry> {
  const auth = await openAuthAdapter(...more);
  const catalogs = new MemoryCatalogStore();
  const servers = new MemoryServerConfigStore(catalogs);
  const sealer = await openMemorySealer();
  const secrets = new SecretValues();
  const lines: string[] = [];
  const log = Log.open({ level: 'trace', format: 'json' }, secrets, (line) => lines.push(line));
  const again = () => new ServerRegistry(servers, new SealedConfig(sealer, auth, secrets), auth, log);
  const candidates = new ServerCandidates(servers, new SealedConfig(sealer, auth, secrets), auth, log);
  return { registry: again(), candidates, servers, catalogs, auth, log, lines, again };
}
