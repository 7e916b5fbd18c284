import { ComposerError } from '#kernel';
import type { ImportedDocument } from './import-document.js';

/** What a thread that imports a document is started with. */
export interface ImportOrder {
  readonly source: Uint8Array;
  readonly options: object;
}

const LISTS = ['operations', 'resources', 'skipped', 'notes', 'security'] as const;
type ListKind = (typeof LISTS)[number];

/** What such a thread says, one message each time it is asked: parts of the lists, and at last the end of it. */
export type ImportMessage =
  | { readonly kind: ListKind; readonly items: string }
  | { readonly kind: 'end'; readonly title: string }
  | { readonly kind: 'refused'; readonly error: ReturnType<typeof toldError> }
  | { readonly kind: 'crashed'; readonly reason: string };

/** Characters of one message: reading it takes a millisecond or two, and other work gets its turn between two of them. */
const PART_CHARS = 256 * 1024;

/** All that `work` gives, in messages. It runs when the first one is asked for. */
export function* messagesOf(work: () => ImportedDocument): Generator<ImportMessage, undefined> {
  let imported: ImportedDocument;
  try {
    imported = work();
  } catch (error) {
    yield error instanceof ComposerError
      ? { kind: 'refused', error: toldError(error) }
      : { kind: 'crashed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    return;
  }
  for (const kind of LISTS) yield* partsOf(kind, imported[kind]);
  yield { kind: 'end', title: imported.title };
}

function* partsOf(kind: ListKind, list: readonly unknown[]): Generator<ImportMessage> {
  let items: string[] = [];
  let chars = 0;
  for (const item of list) {
    const text = JSON.stringify(item);
    if (chars > 0 && chars + text.length > PART_CHARS) {
      yield { kind, items: `[${items.join(',')}]` };
      [items, chars] = [[], 0];
    }
    items.push(text);
    chars += text.length;
  }
  if (items.length > 0) yield { kind, items: `[${items.join(',')}]` };
}

const toldError = ({ code, message, status, faults }: ComposerError) => ({ code, message, status, faults });

/** Puts together what `messagesOf` took apart. */
export class ImportAnswer {
  private readonly lists: Record<ListKind, unknown[]> = {
    operations: [],
    resources: [],
    skipped: [],
    notes: [],
    security: [],
  };

  /** @returns the document once it is whole. @throws what the thread refused it with */
  take(message: ImportMessage): ImportedDocument | undefined {
    if (message.kind === 'refused') {
      const { code, message: text, ...detail } = message.error;
      throw new ComposerError(code, text, detail);
    }
    if (message.kind === 'crashed') throw new Error(`a document could not be imported: ${message.reason}`);
    if (message.kind === 'end') return { title: message.title, ...this.lists } as unknown as ImportedDocument;
    for (const item of JSON.parse(message.items) as unknown[]) this.lists[message.kind].push(item);
    return undefined;
  }
}
