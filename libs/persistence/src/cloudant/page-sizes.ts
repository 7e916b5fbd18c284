/** What one answer should have, so that it comes in time over a slow line, too. */
const PAGE_BYTES = 2_000_000;
/** A partition gives 2000 rows at most, in 5 seconds. */
const MOST_ROWS = 1_000;
/** Of a kind of documents that was never seen: each may have half a megabyte. */
const FIRST_ROWS = 50;
const MOST_KINDS = 100;

/** How many documents are asked for at once, by how large those of the same kind were the last time. */
export class PageSizes {
  private readonly bytesByKind = new Map<string, number>();

  rowsOf(prefix: string): number {
    const bytes = this.bytesByKind.get(kindOf(prefix));
    if (bytes === undefined) return FIRST_ROWS;
    return Math.max(1, Math.min(MOST_ROWS, Math.floor(PAGE_BYTES / bytes)));
  }

  learn(prefix: string, documents: readonly object[]): void {
    if (documents.length === 0) return;
    const bytes = documents.reduce((sum, document) => sum + JSON.stringify(document).length, 0);
    if (this.bytesByKind.size >= MOST_KINDS) this.bytesByKind.clear();
    this.bytesByKind.set(kindOf(prefix), bytes / documents.length);
  }
}

const kindOf = (prefix: string): string => prefix.split('/')[0] ?? '';
