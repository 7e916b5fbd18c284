import { ComposerError } from '#kernel';

/** What a thread says, one message each time it is asked: parts of the lists that it has made, and at last the end. */
export type ListMessage =
  | { readonly kind: 'part'; readonly list: string; readonly items: string }
  | { readonly kind: 'end'; readonly lists: readonly string[] }
  | { readonly kind: 'refused'; readonly error: ReturnType<typeof toldError> }
  | { readonly kind: 'crashed'; readonly reason: string };

export type Lists = Readonly<Record<string, readonly unknown[]>>;

/** Characters of one message: reading it takes a millisecond or two, and other work gets its turn between two of them. */
const PART_CHARS = 256 * 1024;

/** All lists that `work` gives, in messages. It runs when the first one is asked for. */
export function* listMessages(work: () => Lists): Generator<ListMessage, undefined> {
  let lists: Lists;
  try {
    lists = work();
  } catch (error) {
    yield error instanceof ComposerError
      ? { kind: 'refused', error: toldError(error) }
      : { kind: 'crashed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    return;
  }
  for (const [list, items] of Object.entries(lists)) {
    for (const part of partsOf(items)) yield { kind: 'part', list, items: part };
  }
  yield { kind: 'end', lists: Object.keys(lists) };
}

function* partsOf(list: readonly unknown[]): Generator<string> {
  let items: string[] = [];
  let chars = 0;
  for (const item of list) {
    const text = JSON.stringify(item);
    if (chars > 0 && chars + text.length > PART_CHARS) {
      yield `[${items.join(',')}]`;
      [items, chars] = [[], 0];
    }
    items.push(text);
    chars += text.length;
  }
  if (items.length > 0) yield `[${items.join(',')}]`;
}

const toldError = ({ code, message, status, faults }: ComposerError) => ({ code, message, status, faults });

/** Puts together what `listMessages` took apart. */
export class ListAnswer<T> {
  private readonly lists = new Map<string, unknown[]>();

  /** @returns the lists once they are whole. @throws what the thread refused its order with */
  take(message: ListMessage): T | undefined {
    if (message.kind === 'refused') {
      const { code, message: text, ...detail } = message.error;
      throw new ComposerError(code, text, detail);
    }
    if (message.kind === 'crashed') throw new Error(`the work of a thread has failed: ${message.reason}`);
    if (message.kind === 'end') {
      return Object.fromEntries(message.lists.map((list) => [list, this.lists.get(list) ?? []])) as T;
    }
    const items = this.lists.get(message.list) ?? [];
    this.lists.set(message.list, items);
    for (const item of JSON.parse(message.items) as unknown[]) items.push(item);
    return undefined;
  }
}
