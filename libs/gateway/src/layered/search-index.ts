import type { ToolFacts } from '#builder';
import MiniSearch from 'minisearch';

/** A service that fits a query: its place in the list, and how well it fits. */
export interface Match {
  readonly at: number;
  readonly score: number;
}

interface Document {
  readonly id: number;
  readonly text: string;
}

/** As the original ranks (Okapi BM25); `d` is of the variant that the library has, BM25+. */
const BM25 = { k: 1.5, b: 0.75, d: 0.5 };
const MAX_TEXT = 2_048;
const MAX_QUERY = 512;
const MAX_TERMS = 32;
const MIN_TERM = 2;
/** Documents that are taken in at once: other work gets its turn between two portions. */
const PORTION = 64;
/** Where nothing has the very words: words that begin alike, or are written a little otherwise. */
const LOOSE = { prefix: true, fuzzy: 0.2, maxFuzzy: 2 };
/** Words that are searched so: each of them is compared with a large part of all words that there are. */
const MAX_LOOSE_TERMS = 6;
/** A run of small letters with the capital before it, of capitals, of digits, or of letters without case. */
const PART = /\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})|\p{N}+|\p{Lo}[\p{Lo}\p{Lm}\p{M}]*/gu;
const UNCASED = /^\p{Lo}/u;
/** A word with all the digits in it, and where a word of another one, `s3` of `listS3Buckets`, begins and ends. */
const WORD = /[\p{Lu}\p{Ll}\p{N}]+/gu;
const SEAM = /(?<=\p{Ll})(?=\p{Lu})|(?<=[\p{Lu}\p{N}])(?=\p{Lu}\p{Ll})/u;
const MIXED = /\p{N}\P{N}|\P{N}\p{N}/u;

/**
 * The words of `getPetById`, `get-pet_by_id` or of a sentence, in small letters, and behind them what mixes letters and
 * digits (`v2`, `k8s`). Single letters and digits are none. What has no case is mostly written without spaces: its words
 * are every two characters that stand together, or the one that stands alone.
 */
export function termsOf(text: string): string[] {
  const parts = (text.match(PART) ?? []).flatMap((part) => {
    if (UNCASED.test(part)) return pairsOf(part);
    return part.length >= MIN_TERM ? [part.toLowerCase()] : [];
  });
  const words = (text.match(WORD) ?? []).filter((word) => MIXED.test(word));
  return [...parts, ...words.flatMap(mixedIn)];
}

function pairsOf(run: string): string[] {
  const chars = [...run];
  return chars.length === 1 ? chars : chars.slice(1).map((char, at) => `${chars[at]}${char}`);
}

function mixedIn(word: string): string[] {
  const mixed = [word, ...word.split(SEAM)].filter((part) => MIXED.test(part));
  return [...new Set(mixed)].map((part) => part.toLowerCase());
}

/** Whoever looks for a single ideograph finds it in every word. */
const indexedIn = (text: string): string[] => [...termsOf(text), ...(text.match(/\p{Lo}/gu) ?? [])];

/** What a caller of a layered member can look for, to be searched by relevance. */
export class SearchIndex {
  private constructor(private readonly search: MiniSearch<Document>) {}

  static async of(services: readonly ToolFacts[]): Promise<SearchIndex> {
    const search = new MiniSearch<Document>({
      fields: ['text'],
      tokenize: indexedIn,
      processTerm: (term) => term,
      autoVacuum: false,
      searchOptions: { bm25: BM25, combineWith: 'OR' },
    });
    await search.addAllAsync(services.map(documentOf), { chunkSize: PORTION });
    return new SearchIndex(search);
  }

  /**
   * Best first. Only where no service has one of the words, they are searched less strictly.
   *
   * @param accepts whether the service at a place counts
   */
  matches(query: string, accepts: (at: number) => boolean): readonly Match[] {
    const terms = [...new Set(termsOf(query.slice(0, MAX_QUERY)))].slice(0, MAX_TERMS);
    if (terms.length === 0) return [];
    const filter = ({ id }: { readonly id: number }): boolean => accepts(id);
    const strict = this.search.search(query, { tokenize: () => terms, filter });
    const first = terms.slice(0, MAX_LOOSE_TERMS);
    const found = strict.length > 0 ? strict : this.search.search(query, { tokenize: () => first, filter, ...LOOSE });
    return found.map(({ id, score }) => ({ at: id as number, score }));
  }
}

function documentOf({ name, summary, description, path, http_method, tags }: ToolFacts, id: number): Document {
  // The description often begins with the summary; a word that stands there twice is no better a word.
  const said = description.startsWith(summary) ? description : `${summary} ${description}`;
  const text = [name, path, http_method, ...tags, said].filter(Boolean).join(' ');
  return { id, text: text.slice(0, MAX_TEXT) };
}
