import { type CacheHint, type Era, type MemberSlot, TASKS_EXTENSION, extensionsIn } from '#builder';
import type { CatalogView, ListName } from '../catalog/catalog-view.js';
import type { Selection } from '../catalog/selection.js';

/** Of members that say nothing of it, and of what the composer offers itself: whoever wants to know asks, or listens. */
const OURS: CacheHint = { ttlMs: 0, cacheScope: 'private' };
/** Of all members together. */
const MAX_INSTRUCTIONS = 32 * 1024;

/** What an address declares (2025-11-25, lifecycle): tools always, the rest where a member that is open there has it. */
export function capabilitiesOf({ servers }: CatalogView, era: Era): Readonly<Record<string, object>> {
  const has = (capability: string) => servers.some(({ offer }) => Boolean(offer.capabilities[capability]));
  const extensions = extensionsOf(servers, era);
  const subscribe = servers.some(({ member }) => member?.tellsOfUpdates);
  return {
    tools: { listChanged: true },
    logging: {},
    ...(has('prompts') ? { prompts: { listChanged: true } } : {}),
    ...(has('resources') ? { resources: { ...(subscribe ? { subscribe } : {}), listChanged: true } } : {}),
    ...(has('completions') ? { completions: {} } : {}),
    ...(Object.keys(extensions).length > 0 ? { extensions } : {}),
  };
}

/** The extensions that a member has, with the settings of the first one; tasks as far as the era has them. */
function extensionsOf(servers: readonly MemberSlot[], era: Era): Readonly<Record<string, object>> {
  const extensions: Record<string, object> = {};
  for (const { offer } of servers) {
    for (const [id, settings] of Object.entries(extensionsIn(offer.capabilities))) extensions[id] ??= settings;
  }
  if (era === 'legacy') delete extensions[TASKS_EXTENSION];
  return extensions;
}

/** What a client may tell its model: of the names that it finds, and what the members say of themselves. */
export function instructionsOf({ servers }: CatalogView, selection: Selection): string {
  const { kind } = selection;
  const said = servers.flatMap(({ ref, offer: { instructions } }) =>
    instructions ? [kind === 'member' ? instructions : `Server "${ref.serverId}": ${instructions}`] : [],
  );
  return [aboutNames(selection), said.join('\n\n').slice(0, MAX_INSTRUCTIONS)].filter(Boolean).join('\n\n');
}

function aboutNames(selection: Selection): string {
  if (selection.kind === 'member') return 'MCP Composer offers the tools of one server here, under their own names.';
  const offers = 'MCP Composer offers the tools of several servers';
  const hasFullNames = selection.kind === 'everything' || selection.server.naming === 'prefix';
  return hasFullNames ? `${offers}; a name begins with the id of the server that carries it out.` : `${offers}.`;
}

/**
 * How long a list may be kept (2026-07-28, caching): as long as the shortest of the members allows, and by its caller
 * alone if one of them wants that.
 *
 * @param isShared every caller sees the same; otherwise nobody may be given what another one saw
 */
export function hintOf(view: CatalogView, list: ListName, isShared: boolean): CacheHint {
  const { entries } = view[list];
  const hints = view.servers.flatMap((slot) => hintFrom(slot, list) ?? []);
  if (entries.some(({ target }) => !('slot' in target)) || hints.length === 0) hints.push(OURS);
  const isPublic = isShared && hints.every(({ cacheScope }) => cacheScope === 'public');
  return { ttlMs: Math.min(...hints.map(({ ttlMs }) => ttlMs)), cacheScope: isPublic ? 'public' : 'private' };
}

/** Undefined of a member that has no such list. */
function hintFrom({ offer }: MemberSlot, list: ListName): CacheHint | undefined {
  return offer.hints[list] ?? (offer[list].length > 0 ? OURS : undefined);
}
