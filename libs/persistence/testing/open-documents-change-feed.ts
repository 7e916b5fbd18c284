import { Clock } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { ChangeFeed } from '../src/changes/change-feed.js';
import { DocumentChanges } from '../src/changes/document-changes.js';
import { DocumentsChangeFeed } from '../src/changes/documents.change-feed.js';
import type { Change } from '../src/database/transaction.js';
import type { Documents } from '../src/documents/documents.js';

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

/** Opens and follows as another process would; `follows`: false leaves it to what it announces itself. */
export async function openDocumentsChangeFeed(
  documents: Documents,
  { follows = true } = {},
): Promise<OpenDocumentsChangeFeed> {
  const lines: string[] = [];
  const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
  const changes = new DocumentChanges(documents, new Clock());
  const feed = new DocumentsChangeFeed(documents, changes, new Clock(), log);
  const told: Change[] = [];
  feed.onModuleInit();
  feed.onChange((change) => void told.push(change));
  if (follows) await feed.follow();
  return { feed, changes, told, lines, close: () => feed.onApplicationShutdown() };
}
