/** Nothing shorter is in the index. */
export const MIN_LENGTH = 6;

/**
 * Texts to be found in other texts, many at once. A search looks once at every place, whatever the number of texts:
 * by the first characters, and by the lengths of those that begin with them. One large regular expression takes
 * seconds to compile for some ten thousand texts, and tries them one after another.
 */
export class SpellingIndex {
  /** How often each was added: two secrets may have a spelling in common. */
  private readonly spellings = new Map<string, number>();
  /** By first characters: the lengths, and how many spellings have them. */
  private readonly lengths = new Map<string, Map<number, number>>();

  /** @param spelling of at least `MIN_LENGTH` */
  add(spelling: string): void {
    if (count(this.spellings, spelling, 1) > 1) return;
    const start = startAt(spelling, 0);
    const lengths = this.lengths.get(start) ?? new Map<number, number>();
    this.lengths.set(start, lengths);
    count(lengths, spelling.length, 1);
  }

  remove(spelling: string): void {
    if (count(this.spellings, spelling, -1) > 0) return;
    const start = startAt(spelling, 0);
    const lengths = this.lengths.get(start);
    if (!lengths) return;
    count(lengths, spelling.length, -1);
    if (lengths.size === 0) this.lengths.delete(start);
  }

  /** `text` with `mask` in place of every spelling; of those that overlap nothing is left. */
  replaceIn(text: string, mask: string): string {
    let replaced = '';
    let copied = 0;
    let [from, end] = [0, 0];
    for (let at = 0; at + MIN_LENGTH <= text.length; at++) {
      const found = this.longestAt(text, at);
      if (found === 0) continue;
      if (at >= end) {
        if (end > 0) replaced += text.slice(copied, from) + mask;
        copied = end;
        from = at;
      }
      end = Math.max(end, at + found);
    }
    return end === 0 ? text : replaced + text.slice(copied, from) + mask + text.slice(end);
  }

  private longestAt(text: string, at: number): number {
    const lengths = this.lengths.get(startAt(text, at));
    if (!lengths) return 0;
    let longest = 0;
    for (const length of lengths.keys()) {
      const isLonger = length > longest && at + length <= text.length;
      if (isLonger && this.spellings.has(text.slice(at, at + length))) longest = length;
    }
    return longest;
  }
}

const startAt = (text: string, at: number): string => text.slice(at, at + MIN_LENGTH);

/** Counts on or back; what has come to nothing is taken out. */
function count<K>(counts: Map<K, number>, key: K, step: 1 | -1): number {
  const now = (counts.get(key) ?? 0) + step;
  if (now > 0) counts.set(key, now);
  else counts.delete(key);
  return now;
}
