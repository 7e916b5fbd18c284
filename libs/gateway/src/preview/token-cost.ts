import type { CatalogEntry } from '../catalog/catalog-entry.js';

/** What a list of tools costs a client that gives all of it to its model. */
export interface TokenCost {
  /** `bytes` by `bytes_per_token`, rounded up: an estimate, for no particular model. */
  readonly estimate: number;
  /** Of the definitions as `tools/list` has them, in UTF-8, with the commas between them. */
  readonly bytes: number;
  readonly bytes_per_token: number;
  /** The largest definitions, the largest first. */
  readonly heaviest: readonly { readonly name: string; readonly bytes: number; readonly estimate: number }[];
}

/** Of English text and JSON, with the tokenizers of common models. Each model counts differently. */
const BYTES_PER_TOKEN = 4;
const MAX_HEAVIEST = 10;

export function tokenCostOf(entries: readonly CatalogEntry[]): TokenCost {
  const sizes = entries.map(({ name, definition }) => ({
    name,
    bytes: definition.length,
    estimate: of(definition.length),
  }));
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, Math.max(0, sizes.length - 1));
  const heaviest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, MAX_HEAVIEST);
  return { estimate: of(bytes), bytes, bytes_per_token: BYTES_PER_TOKEN, heaviest };
}

const of = (bytes: number): number => Math.ceil(bytes / BYTES_PER_TOKEN);
