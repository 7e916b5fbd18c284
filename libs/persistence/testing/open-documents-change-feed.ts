import { Clock } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { ChangeFeed } from '../src/changes/change-feed.js';
import { DocumentChanges } from '../src/changes/document-changes.js';
import { DocumentsChangeFeed } from '../src/changes/documents.change-feed.js';
import type { Change } from '../src/database/transaction.js';
import type { Documents } from '../src/documents/documents.js';
import { KeyRingFile } from '../src/sealing/key-ring-file.js';
import { randomRing } from './open-database.js';

/** What another process has of the changes that are counted in documents. */
export interface OpenDocumentsChangeFeed {
  readonly feed: ChangeFeed;
  readonly changes: DocumentChanges;
  /** What the feed has told, in this order. */
  readonly told: readonly Change[];
  /** Lines of the log from `info` on. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export interface DocumentsChangeFeedOptions {
  /** False leaves it to what it announces itself. */
  readonly follows?: boolean;
  /** The keys that the process holds, loaded. */
  readonly keys?: KeyRingFile;
}

/** Opens and follows as another process would. */
export async function openDocumentsChangeFeed(
  documents: Documents,
  { follows = true, keys: given }: DocumentsChangeFeedOptions = {},
): Promise<OpenDocumentsChangeFeed> {
  const lines: string[] = [];
  const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
  const keys = given ?? new KeyRingFile({ ring: randomRing(), file: '' });
  if (!given) await keys.load();
  const changes = new DocumentChanges(documents, new Clock());
  const feed = new DocumentsChangeFeed(documents, changes, new Clock(), keys, log);
  const told: Change[] = [];
  feed.onModuleInit();
  feed.onChange((change) => void told.push(change));
  if (follows) await feed.follow();
  return { feed, changes, told, lines, close: () => feed.onApplicationShutdown() };
}
