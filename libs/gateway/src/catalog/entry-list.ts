import type { CatalogEntry } from './catalog-entry.js';

export interface CatalogPage {
  /** JSON text of the definitions, with commas between them. */
  readonly definitions: Buffer;
  readonly nextCursor?: string;
}

/** Beside the definition, for each entry. */
const BYTES_PER_ENTRY = 200;

/** Entries of one kind, in pages. */
export class EntryList {
  /** Entries whose names were too long are found under both. */
  readonly byName: ReadonlyMap<string, CatalogEntry>;
  private readonly pages = new Map<number, CatalogPage>();

  /** @param entries ordered by name */
  constructor(
    readonly entries: readonly CatalogEntry[],
    private readonly pageSize: number,
  ) {
    const aliases = entries.flatMap((entry) =>
      entry.unfitted === undefined ? [] : [[entry.unfitted, entry] as const],
    );
    this.byName = new Map([...aliases, ...entries.map((entry) => [entry.name, entry] as const)]);
  }

  /** About how many bytes it keeps once all its pages were read. */
  get weight(): number {
    return this.entries.reduce((sum, { definition }) => sum + definition.length + BYTES_PER_ENTRY, BYTES_PER_ENTRY);
  }

  /** `undefined` if the cursor was not given out here. Cursors name the last entry seen, so they outlive every change. */
  page(cursor: unknown): CatalogPage | undefined {
    const after = cursor === undefined ? '' : nameOf(cursor);
    if (after === undefined) return undefined;
    const start = after === '' ? 0 : firstBehind(this.entries, after);
    // Cursors come from callers: only pages that an unchanged list is read in are worth keeping.
    if (start % this.pageSize !== 0) return this.cut(start);
    let page = this.pages.get(start);
    if (!page) this.pages.set(start, (page = this.cut(start)));
    return page;
  }

  private cut(start: number): CatalogPage {
    const { pageSize, entries } = this;
    const page = entries.slice(start, start + pageSize);
    const parts = page.flatMap(({ definition }, index) => (index === 0 ? [definition] : [COMMA, definition]));
    const last = start + pageSize < entries.length ? page.at(-1) : undefined;
    return { definitions: Buffer.concat(parts), ...(last ? { nextCursor: cursorOf(last.name) } : {}) };
  }
}

const COMMA = Buffer.from(',');

function firstBehind(entries: readonly CatalogEntry[], name: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.name <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}

const PREFIX = 'after:';

const cursorOf = (name: string): string => Buffer.from(PREFIX + name).toString('base64url');

function nameOf(cursor: unknown): string | undefined {
  if (typeof cursor !== 'string') return undefined;
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  return text.startsWith(PREFIX) && cursorOf(text.slice(PREFIX.length)) === cursor
    ? text.slice(PREFIX.length)
    : undefined;
}
