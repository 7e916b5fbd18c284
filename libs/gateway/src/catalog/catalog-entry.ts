import {
  type MemberOffer,
  type MemberSlot,
  type MirroredParam,
  type Span,
  applyEdits,
  mirroredIn,
  scanObject,
} from '#builder';
import { isObject } from '#kernel';
import { type FacadeTool, facadeOf } from '#registry';
import { facadeDefinitions } from '../layered/facade-tools.js';
import { fittedName } from './fitted-name.js';
import { FULL_NAMES, type Naming } from './naming.js';

/** One tool, prompt, resource or template as clients see it. */
export interface CatalogEntry {
  /** Under which clients find it where they look: a name, a URI, or a URI template. */
  readonly name: string;
  /** What the name would be if it were not too long: whoever knows it may ask by it, too. */
  readonly unfitted?: string;
  /** `<serverId>_<name>`, which permissions mean wherever it is offered; the name of a management tool. */
  readonly fullName: string;
  /** The definition, as JSON text. */
  readonly definition: Buffer;
  /** The description in it, where the configuration has chosen one in place of the member's. */
  readonly described?: string;
  /** The roles that may see and call it; absent if every caller of the tenant may. */
  readonly roles?: readonly string[];
  /** Of a tool: the arguments that requests over HTTP repeat in headers; absent if there are none. */
  readonly mirrored?: readonly MirroredParam[];
  /** It is one of the three that a layered member offers in place of its own. */
  readonly facade?: FacadeTool;
  /** Where it is: at a member, under the member's own name, or here. */
  readonly target: { readonly slot: MemberSlot; readonly own: string } | { readonly management: string };
}

/** What goes by a name, and not by a URI. */
export type NamedKind = 'tools' | 'prompts';

/** Where a configuration says what is hidden or described otherwise, by own and by full names. */
export const OVERLAY_KEYS = {
  tools: { disabled: 'disabled_tools', descriptions: 'tools_description' },
  prompts: { disabled: 'disabled_prompts', descriptions: 'prompts_description' },
} as const;

type Entries = readonly CatalogEntry[];
type Prepared = WeakMap<MemberSlot, { offer: MemberOffer; entries: Map<NamedKind | 'hidden', Entries> }>;
const prepared = new WeakMap<Naming, Prepared>();

/**
 * A member's tools or prompts, without those that are disabled: of a layered member that has any, the three through which
 * they are found and called. Made once for each offer and naming.
 */
export function entriesOf(slot: MemberSlot, kind: NamedKind, naming: Naming = FULL_NAMES): Entries {
  const facade = kind === 'tools' && slot.config ? facadeOf(slot.config) : undefined;
  return preparedOf(slot, { kind, naming }, () => {
    if (!facade) return slot.offer[kind].flatMap((text) => entryOf(slot, text, { kind, naming }) ?? []);
    if (hiddenToolsOf(slot).length === 0) return [];
    return facadeDefinitions(facade).flatMap((text) => facadeEntry(entryOf(slot, text, { kind, naming })) ?? []);
  });
}

/** The tools behind the three of a layered member, under their full names; none of any other member. */
export function hiddenToolsOf(slot: MemberSlot): Entries {
  if (!slot.config || !facadeOf(slot.config)) return [];
  const as = { kind: 'tools', naming: FULL_NAMES } as const;
  return preparedOf(slot, { ...as, kind: 'hidden' }, () =>
    slot.offer.tools.flatMap((text) => entryOf(slot, text, as) ?? []),
  );
}

const facadeEntry = (entry: CatalogEntry | undefined): CatalogEntry | undefined =>
  entry && 'own' in entry.target ? { ...entry, facade: entry.target.own as FacadeTool } : undefined;

interface Wanted {
  readonly kind: NamedKind | 'hidden';
  readonly naming: Naming;
}

function preparedOf(slot: MemberSlot, { kind, naming }: Wanted, make: () => Entries): Entries {
  let bySlot = prepared.get(naming);
  if (!bySlot) prepared.set(naming, (bySlot = new WeakMap()));
  let known = bySlot.get(slot);
  if (known?.offer !== slot.offer) bySlot.set(slot, (known = { offer: slot.offer, entries: new Map() }));
  let entries = known.entries.get(kind);
  if (!entries) known.entries.set(kind, (entries = make()));
  return entries;
}

/** One member of a definition: where it stands, and what it says. */
export function textIn(definition: Buffer, key: string): { readonly place: Span; readonly text: string } {
  const places = new Map<string, Span>();
  scanObject(definition, 0, (name, span) => places.set(name, span));
  const place = places.get(key)!;
  return { place, text: JSON.parse(definition.toString('utf8', place.start, place.end)) as string };
}

/** Only this one changes: fields that nobody here knows reach the client as the member wrote them. */
export function replaced(definition: Buffer, place: Span, text: string): Buffer {
  return applyEdits(definition, [{ ...place, bytes: Buffer.from(JSON.stringify(text)) }]);
}

/** Members choose the names of what they offer, and one may be `constructor`. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function entryOf(
  slot: MemberSlot,
  text: string,
  { kind, naming }: { readonly kind: NamedKind; readonly naming: Naming },
): CatalogEntry | undefined {
  const { config, ref } = slot;
  if (!config) return undefined;
  const { disabled, descriptions } = OVERLAY_KEYS[kind];
  const bytes = Buffer.from(text);
  const { place, text: ownName } = textIn(bytes, 'name');
  const fullName = `${ref.serverId}_${ownName}`;
  if (config[disabled].some((one) => one === fullName || one === ownName)) return undefined;

  const wanted = naming.nameOf(fullName, ownName);
  const name = fittedName(wanted);
  const permissions = kind === 'tools' ? config.tool_permissions : {};
  const roles = own(permissions, ownName) ?? own(permissions, fullName);
  const description = own(config[descriptions], fullName) ?? own(config[descriptions], ownName);
  const definition = description === undefined ? replaced(bytes, place, name) : described(text, { name, description });
  const mirrored = kind === 'tools' ? mirroredOf(text) : undefined;
  return {
    name,
    ...(mirrored ? { mirrored } : {}),
    ...(description === undefined ? {} : { described: description }),
    ...(name === wanted ? {} : { unfitted: wanted }),
    fullName,
    definition,
    target: { slot, own: ownName },
    ...(roles ? { roles } : {}),
  };
}

/** Few tools have any, and those name them. */
function mirroredOf(text: string): readonly MirroredParam[] | undefined {
  if (!text.includes('x-mcp-header')) return undefined;
  const definition: unknown = JSON.parse(text);
  const mirrored = isObject(definition) ? mirroredIn(definition['inputSchema']) : undefined;
  return mirrored?.length ? mirrored : undefined;
}

/** The definition with these in place of its own. */
export function described(text: string, changes: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(JSON.stringify({ ...(JSON.parse(text) as object), ...changes }));
}
