import type { MemberOffer, MemberSlot } from '#builder';
import { type CatalogEntry, described, own, replaced, textIn } from './catalog-entry.js';

/** What goes by a URI, as `MemberOffer` names it, and which member of a definition that is. */
const URIS = { resources: 'uri', resourceTemplates: 'uriTemplate' } as const;
export type ResourceKind = keyof typeof URIS;

const ALIAS = /^mcp\+([A-Za-z0-9][A-Za-z0-9_-]{0,63}):(.+)$/s;

/** What a URI, or a URI template, is called where two members have the same one. */
const aliasOf = (serverId: string, uri: string): string => `mcp+${serverId}:${uri}`;

/** Whose URI an alias stands for; undefined if it is none. */
export function aliased(uri: string): { readonly serverId: string; readonly uri: string } | undefined {
  const [, serverId, rest] = ALIAS.exec(uri) ?? [];
  return serverId === undefined || rest === undefined ? undefined : { serverId, uri: rest };
}

type Entries = readonly CatalogEntry[];
const prepared = new WeakMap<MemberSlot, { offer: MemberOffer; entries: Map<ResourceKind, Entries> }>();

/** A member's resources or templates under their own URIs, without those that are disabled. Made once for each offer. */
export function resourcesOf(slot: MemberSlot, kind: ResourceKind): Entries {
  let known = prepared.get(slot);
  if (known?.offer !== slot.offer) prepared.set(slot, (known = { offer: slot.offer, entries: new Map() }));
  let entries = known.entries.get(kind);
  if (!entries) known.entries.set(kind, (entries = entriesIn(slot, kind)));
  return entries;
}

/**
 * Entries of several members, ordered by URI. A URI is the identity of a resource, so it stays, unless two members have
 * the same one: then both have an alias, from which the way back is known.
 *
 * @param onShared told of each URI that more than one member has
 */
export function withAliases(
  entries: Entries,
  kind: ResourceKind,
  onShared: (uri: string, owners: readonly string[]) => void,
): Entries {
  const byUri = new Map<string, CatalogEntry[]>();
  for (const entry of entries) {
    const same = byUri.get(entry.name);
    if (same) same.push(entry);
    else byUri.set(entry.name, [entry]);
  }
  const all = [...byUri].flatMap(([uri, same]) => {
    if (same.length === 1) return same;
    onShared(uri, same.map(ownerOf));
    return same.map((entry) => renamed(entry, kind));
  });
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function entriesIn(slot: MemberSlot, kind: ResourceKind): Entries {
  const seen = new Set<string>();
  return slot.offer[kind].flatMap((text) => {
    const entry = entryOf(slot, text, kind);
    // A member that has one URI twice means the same resource.
    if (!entry || seen.has(entry.name)) return [];
    seen.add(entry.name);
    return [entry];
  });
}

function entryOf(slot: MemberSlot, text: string, kind: ResourceKind): CatalogEntry | undefined {
  const { config, ref } = slot;
  if (!config) return undefined;
  const bytes = Buffer.from(text);
  const { text: uri } = textIn(bytes, URIS[kind]);
  const { text: ownName } = textIn(bytes, 'name');
  const fullName = `${ref.serverId}_${ownName}`;
  const names = [uri, fullName, ownName];
  if (config.disabled_resources.some((one) => names.includes(one))) return undefined;
  const description = names.map((name) => own(config.resources_description, name)).find((one) => one !== undefined);
  const definition = description === undefined ? bytes : described(text, { description });
  return { name: uri, fullName, definition, target: { slot, own: uri } };
}

function renamed(entry: CatalogEntry, kind: ResourceKind): CatalogEntry {
  const name = aliasOf(ownerOf(entry), entry.name);
  const { place } = textIn(entry.definition, URIS[kind]);
  return { ...entry, name, definition: replaced(entry.definition, place, name) };
}

const ownerOf = ({ target }: CatalogEntry): string => ('slot' in target ? target.slot.ref.serverId : '');
