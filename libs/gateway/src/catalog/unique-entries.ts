import type { CatalogEntry } from './catalog-entry.js';

export interface Collision {
  readonly name: string;
  /** Ids of the servers that offer it; `composer` for its own tools. */
  readonly owners: readonly [string, string];
}

/**
 * Entries by name, each name once. No member may take over the tool of another one by a clever id: a contested name is
 * nobody's, except that of the composer's own tools.
 */
export function uniqueEntries(
  offered: readonly CatalogEntry[],
  own: readonly CatalogEntry[] = [],
): { readonly entries: readonly CatalogEntry[]; readonly collisions: readonly Collision[] } {
  const byName = new Map(own.map((entry) => [entry.name, entry]));
  const contested = new Set<string>();
  const collisions: Collision[] = [];
  for (const entry of offered) {
    const holder = byName.get(entry.name);
    if (!holder) byName.set(entry.name, entry);
    else {
      if ('slot' in holder.target) contested.add(entry.name);
      collisions.push({ name: entry.name, owners: [ownerOf(holder), ownerOf(entry)] });
    }
  }
  for (const name of contested) byName.delete(name);
  return { entries: [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), collisions };
}

const ownerOf = ({ target }: CatalogEntry): string => ('slot' in target ? target.slot.ref.serverId : 'composer');
