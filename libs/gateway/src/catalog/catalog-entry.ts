import { type MemberOffer, type MemberSlot, type Span, applyEdits, scanObject } from '#builder';
import { fittedName } from './fitted-name.js';
import { FULL_NAMES, type Naming } from './naming.js';

/** One tool as clients see it. */
export interface CatalogEntry {
  /** Under which clients find it where they look. */
  readonly name: string;
  /** What the name would be if it were not too long: whoever knows it may call by it, too. */
  readonly unfitted?: string;
  /** `<serverId>_<name>`, which permissions mean wherever the tool is offered; the name of a management tool. */
  readonly fullName: string;
  /** The definition, as JSON text. */
  readonly definition: Buffer;
  /** The roles that may see and call it; absent if every caller of the tenant may. */
  readonly roles?: readonly string[];
  /** Where it is called: at a member, or here. */
  readonly target: { readonly slot: MemberSlot; readonly tool: string } | { readonly management: string };
}

type Prepared = WeakMap<MemberSlot, { offer: MemberOffer; entries: readonly CatalogEntry[] }>;
const prepared = new WeakMap<Naming, Prepared>();

/** A member's tools, without those that are disabled. Made once for each offer and naming. */
export function entriesOf(slot: MemberSlot, naming: Naming = FULL_NAMES): readonly CatalogEntry[] {
  let bySlot = prepared.get(naming);
  if (!bySlot) prepared.set(naming, (bySlot = new WeakMap()));
  const known = bySlot.get(slot);
  if (known?.offer === slot.offer) return known.entries;
  const entries = slot.offer.tools.flatMap((text) => entryOf(slot, text, naming) ?? []);
  bySlot.set(slot, { offer: slot.offer, entries });
  return entries;
}

function entryOf(slot: MemberSlot, text: string, naming: Naming): CatalogEntry | undefined {
  const { config, ref } = slot;
  if (!config) return undefined;
  const bytes = Buffer.from(text);
  const places = new Map<string, Span>();
  scanObject(bytes, 0, (key, span) => places.set(key, span));
  const place = places.get('name')!;
  const tool = JSON.parse(bytes.toString('utf8', place.start, place.end)) as string;
  const fullName = `${ref.serverId}_${tool}`;
  if (config.disabled_tools.some((disabled) => disabled === fullName || disabled === tool)) return undefined;

  const wanted = naming.nameOf(fullName, tool);
  const name = fittedName(wanted);
  const roles = own(config.tool_permissions, tool) ?? own(config.tool_permissions, fullName);
  const description = own(config.tools_description, fullName) ?? own(config.tools_description, tool);
  const definition = description === undefined ? renamed(bytes, place, name) : described(text, name, description);
  return {
    name,
    ...(name === wanted ? {} : { unfitted: wanted }),
    fullName,
    definition,
    target: { slot, tool },
    ...(roles ? { roles } : {}),
  };
}

/** Members choose the names of their tools, and one may be `constructor`. */
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Only the name changes: fields that nobody here knows reach the client as the member wrote them. */
function renamed(definition: Buffer, place: Span, name: string): Buffer {
  return applyEdits(definition, [{ ...place, bytes: Buffer.from(JSON.stringify(name)) }]);
}

function described(text: string, name: string, description: string): Buffer {
  return Buffer.from(JSON.stringify({ ...(JSON.parse(text) as object), name, description }));
}
