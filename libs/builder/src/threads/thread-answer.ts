import { ComposerError } from '#kernel';

/** What a thread says, one message each time it is asked: parts of the lists that it has made, and at last the end. */
export type ThreadMessage =
  | { readonly kind: 'part'; readonly list: string; readonly items: string }
  | { readonly kind: 'end'; readonly lists: readonly string[]; readonly rest: Readonly<Record<string, unknown>> }
  | { readonly kind: 'refused'; readonly error: ReturnType<typeof toldError> }
  | { readonly kind: 'crashed'; readonly reason: string };

/** Characters of one message: reading it takes a millisecond or two, and other work gets its turn between two of them. */
const PART_CHARS = 256 * 1024;

/** All that `work` gives, in messages: its lists in parts, and at last the rest. It runs when the first one is asked for. */
export function* messagesOf(work: () => object): Generator<ThreadMessage, undefined> {
  let made: object;
  try {
    made = work();
  } catch (error) {
    yield error instanceof ComposerError
      ? { kind: 'refused', error: toldError(error) }
      : { kind: 'crashed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    return;
  }
  const lists: string[] = [];
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(made) as [string, unknown][]) {
    if (!Array.isArray(value)) {
      rest[name] = value;
      continue;
    }
    lists.push(name);
    for (const items of partsOf(value)) yield { kind: 'part', list: name, items };
  }
  yield { kind: 'end', lists, rest };
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

/** Puts together what `messagesOf` took apart. */
export class ThreadAnswer<T extends object> {
  private readonly lists = new Map<string, unknown[]>();

  /** @param failure what is said of work that has a defect */
  constructor(private readonly failure = 'the work of a thread has failed') {}

  /** @returns what was made once it is whole. @throws what the thread refused its order with */
  take(message: ThreadMessage): T | undefined {
    if (message.kind === 'refused') {
      const { code, message: text, ...detail } = message.error;
      throw new ComposerError(code, text, detail);
    }
    if (message.kind === 'crashed') throw new Error(`${this.failure}: ${message.reason}`);
    if (message.kind === 'end') {
      const lists = message.lists.map((list) => [list, this.lists.get(list) ?? []] as const);
      return { ...message.rest, ...Object.fromEntries(lists) } as T;
    }
    const items = this.lists.get(message.list) ?? [];
    this.lists.set(message.list, items);
    for (const item of JSON.parse(message.items) as unknown[]) items.push(item);
    return undefined;
  }
}
