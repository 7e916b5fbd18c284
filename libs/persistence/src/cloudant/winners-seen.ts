/** For this long, in milliseconds, a state that was read as the winner is built upon without another look. */
const FRESH_MS = 2_000;
const MOST = 1_000;

/** The states that this process has just read as the winners among those of their documents. */
export class WinnersSeen {
  /** By the id of the document, the one that was read longest ago first. */
  private readonly seen = new Map<string, { readonly rev: string; readonly at: number }>();

  add(id: string, rev: string): void {
    this.seen.delete(id);
    this.seen.set(id, { rev, at: performance.now() });
    if (this.seen.size > MOST) this.seen.delete(this.seen.keys().next().value!);
  }

  has(id: string, rev: string): boolean {
    const last = this.seen.get(id);
    return last?.rev === rev && performance.now() - last.at <= FRESH_MS;
  }
}
