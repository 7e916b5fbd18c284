import { Clock } from '#kernel';
import { Log, SecretValues } from '#observability';
import { AccessChanges } from '../src/directory/access-changes.js';
import { AccessDirectory } from '../src/directory/access-directory.js';
import { CallerIdentity } from '../src/identity/caller-identity.js';
import type { AudienceRule, CredentialVerifier } from '../src/identity/credential-verifier.js';
import { ClientAddress } from '../src/identity/client-address.js';
import { FailedAttempts } from '../src/identity/failed-attempts.js';
import { ApiKeyUses } from '../src/keys/api-key-uses.js';
import { ApiKeyVerifier } from '../src/keys/api-key-verifier.js';
import { VerdictCache } from '../src/identity/verdict-cache.js';
import { type MemoryStores, memoryStores } from './access-stores.js';

export interface MemoryIdentity {
  readonly identity: CallerIdentity;
  readonly stores: MemoryStores;
  readonly directory: AccessDirectory;
  readonly changes: AccessChanges;
  readonly uses: ApiKeyUses;
}

export interface IdentityOptions {
  readonly mode?: 'none' | 'required';
  readonly clock?: Clock;
  readonly stores?: MemoryStores;
  /** Asked before the one of API keys. */
  readonly verifiers?: readonly CredentialVerifier[];
  readonly isMeant?: AudienceRule;
}

/** The real way from a credential to its principal, on stores of one process. */
export async function openMemoryIdentity(options: IdentityOptions = {}): Promise<MemoryIdentity> {
  const { mode = 'required', clock = new Clock(), verifiers = [], isMeant = () => true } = options;
  const stores = options.stores ?? (await memoryStores());
  const changes = new AccessChanges(stores.trail.feed);
  changes.onModuleInit();
  const directory = new AccessDirectory(stores.tenants, stores.roles, stores.principals, changes, clock);
  const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
  const uses = new ApiKeyUses(stores.keys, clock, log);
  const identity = new CallerIdentity(
    { mode, hosts: [], origins: [], proxies: [] },
    [...verifiers, new ApiKeyVerifier(stores.keys, directory, uses, clock)],
    isMeant,
    new VerdictCache(changes, clock),
    new FailedAttempts(clock, new ClientAddress({ proxies: [] })),
  );
  return { identity, stores, directory, changes, uses };
}
