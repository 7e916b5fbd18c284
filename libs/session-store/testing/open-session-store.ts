import { Clock } from '#kernel';
import { Log, SecretValues } from '#observability';
import { MemoryChangeFeed, openMemorySealer } from '#persistence/testing';
import { MemorySessionRecordStore } from '../src/memory/memory.session-record.store.js';
import { RecordBudget } from '../src/record-budget.js';
import { SessionLetters } from '../src/session-letters.js';
import { SESSION_LETTERS } from '../src/session-record.store.js';
import { SessionRecords } from '../src/session-records.js';

/** One store in memory, and what processes have of it. */
export interface OpenSessionStore {
  readonly store: MemorySessionRecordStore;
  /** Resolves when every process has read what was told so far. */
  settled(): Promise<void>;
  /** What one more process has. */
  process(): { readonly records: SessionRecords; readonly letters: SessionLetters };
}

/** @param type `embedded`: one process alone has it */
export async function openSessionStore(
  clock: Clock = new Clock(),
  type: 'postgres' | 'embedded' = 'postgres',
): Promise<OpenSessionStore> {
  const feed = new MemoryChangeFeed();
  const sealer = await openMemorySealer();
  let told: Promise<unknown> = Promise.resolve();
  const store = new MemorySessionRecordStore(clock, (tenantId) => {
    told = Promise.all([told, feed.tell({ tenantId, topic: SESSION_LETTERS })]);
  });
  const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
  return {
    store,
    async settled() {
      let before: unknown;
      while (before !== told) await (before = told);
    },
    process() {
      const records = new SessionRecords(store, sealer, new RecordBudget(clock));
      const letters = new SessionLetters(records, feed, clock, log, { type });
      letters.onModuleInit();
      return { records, letters };
    },
  };
}
