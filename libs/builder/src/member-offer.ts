import { isObject } from '#kernel';

/** What members may have lists of, as `MemberOffer` names them. */
export const OFFERED = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;
export type Offered = (typeof OFFERED)[number];

/** Of what a client may be told that the list has changed: templates belong to resources. */
export type ListKind = 'tools' | 'prompts' | 'resources';
export const LIST_KINDS: ReadonlySet<ListKind> = new Set(['tools', 'prompts', 'resources']);

/** How long a list may be kept, and whether by one caller alone (2026-07-28, caching). */
export interface CacheHint {
  readonly ttlMs: number;
  readonly cacheScope: 'public' | 'private';
}

/** What a member offers: its lists, each entry as the JSON text that it gave, in its order, and what it says of itself. */
export interface MemberOffer extends Readonly<Record<Offered, readonly string[]>> {
  /** As the member declared them (`ServerCapabilities`); of a member without a handshake, none. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions?: string;
  /** Absent for lists that carried none. */
  readonly hints: Readonly<Partial<Record<Offered, CacheHint>>>;
}

const NOTHING: MemberOffer = {
  tools: [],
  prompts: [],
  resources: [],
  resourceTemplates: [],
  capabilities: {},
  hints: {},
};

/** An offer of these alone. */
export function offerOf(some: Partial<MemberOffer>): MemberOffer {
  return { ...NOTHING, ...some };
}

/** Whether the member declares a feature, `listChanged` or `subscribe` for instance, of something that it has. */
export function declares({ capabilities }: Pick<MemberOffer, 'capabilities'>, what: string, feature: string): boolean {
  const declared = capabilities[what];
  return isObject(declared) && declared[feature] === true;
}

/** Whether none of the lists has an entry. */
export function offersNothing(offer: MemberOffer): boolean {
  return OFFERED.every((list) => offer[list].length === 0);
}

/** The lists that differ; undefined if nothing at all does. */
export function changesBetween(before: MemberOffer, after: MemberOffer): ReadonlySet<ListKind> | undefined {
  const changed = OFFERED.filter((list) => !isSame(before[list], after[list])).map(kindOf);
  const rest = ({ capabilities, instructions, hints }: MemberOffer) =>
    JSON.stringify([capabilities, instructions ?? null, OFFERED.map((list) => hints[list] ?? null)]);
  return changed.length === 0 && rest(before) === rest(after) ? undefined : new Set(changed);
}

/** The lists that a member with this offer takes along when it comes or goes. Tools always: that is what is asked of most. */
export function listsIn(offer: MemberOffer): ReadonlySet<ListKind> {
  return new Set(['tools', ...OFFERED.filter((list) => offer[list].length > 0).map(kindOf)]);
}

const kindOf = (list: Offered): ListKind => (list === 'resourceTemplates' ? 'resources' : list);

function isSame(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && after.every((text, at) => text === before[at]);
}
