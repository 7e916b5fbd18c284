import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { ProcessPresence, Sealer } from '#persistence';
import { MemoryChangeFeed, openPresence } from '#persistence/testing';
import { AcceptedNotes } from '../src/accepted-notes.js';
import { ChangeWaits } from '../src/change-waits.js';
import { CredentialAdministration } from '../src/credential-administration.js';
import { CredentialChanges } from '../src/credential-changes.js';
import { KeeperLifecycle } from '../src/keeper-lifecycle.js';
import { LiveTokens } from '../src/live-tokens.js';
import { RenewalClaims } from '../src/renewal-claims.js';
import { StoredTokens } from '../src/stored-tokens.js';
import { TokenJournal } from '../src/token-journal.js';
import { TokenKeeper } from '../src/token-keeper.js';
import { TokenRenewals } from '../src/token-renewals.js';
import { TokenSecrets } from '../src/token-secrets.js';
import type { TokenStore } from '../src/token-store.js';
import { UnsettledTokens } from '../src/unsettled-tokens.js';
import { UnwantedTokens } from '../src/unwanted-tokens.js';

/** What a keeper is put together of: one process. */
export interface KeeperParts {
  readonly store: TokenStore;
  readonly sealer: Sealer;
  readonly feed?: MemoryChangeFeed;
  readonly presence?: ProcessPresence;
  readonly clock?: Clock;
  readonly secrets?: SecretValues;
  readonly journalDir?: string;
  /** Receives the lines of the log from `warn` on. */
  readonly onLog?: (line: string) => void;
}

export interface OpenKeeper {
  readonly keeper: TokenKeeper;
  readonly lifecycle: KeeperLifecycle;
  readonly unsettled: UnsettledTokens;
  readonly unwanted: UnwantedTokens;
  readonly notes: AcceptedNotes;
  readonly live: LiveTokens;
}

/** A keeper as one process has it, put together without Nest. `lifecycle` starts and ends it; without a start it works too. */
export function keeperOn(parts: KeeperParts): OpenKeeper {
  const { store, sealer, clock = new Clock(), feed = new MemoryChangeFeed(), onLog = () => undefined } = parts;
  const log = Log.open({ level: 'warn', format: 'json' }, new SecretValues(), onLog);
  const presence = parts.presence ?? openPresence({ type: 'embedded', dataDir: '' }).presence;
  const journalDir = parts.journalDir ?? join(tmpdir(), `mcpc-journal-${randomUUID()}`);
  const secrets = new TokenSecrets(parts.secrets ?? new SecretValues(), clock);
  const live = new LiveTokens(secrets, clock);
  const stored = new StoredTokens(store, sealer, live, secrets, clock);
  const notes = new AcceptedNotes(store, log);
  const unsettled = new UnsettledTokens(store, stored, new TokenJournal({ journalDir }, log), clock, log);
  const waits = new ChangeWaits();
  new CredentialChanges(feed, store, live, waits).onModuleInit();
  const claims = new RenewalClaims(store, presence, notes);
  const renewals = new TokenRenewals(stored, claims, unsettled, waits, clock);
  const administration = new CredentialAdministration(store, stored, unsettled, clock, log);
  const keeper = new TokenKeeper(stored, renewals, notes, administration, clock);
  const unwanted = new UnwantedTokens(unsettled, stored, log);
  unwanted.listen();
  const lifecycle = new KeeperLifecycle(keeper, renewals, unsettled, notes, unwanted);
  return { keeper, lifecycle, unsettled, unwanted, notes, live };
}
