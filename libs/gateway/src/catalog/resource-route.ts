import type { MemberSlot } from '#builder';
import type { CatalogEntry } from './catalog-entry.js';
import type { CatalogView } from './catalog-view.js';
import { aliased } from './resource-entries.js';
import { UriTemplate } from './uri-template.js';

/** Where a resource is read: at a member, under the member's own URI. */
export interface ResourceRoute {
  readonly slot: MemberSlot;
  readonly uri: string;
}

/** A longer one is expanded from no template. */
const MAX_URI = 8_192;

interface Matcher {
  readonly template: UriTemplate;
  readonly slot: MemberSlot;
}

const matchers = new WeakMap<CatalogView, readonly Matcher[]>();

/**
 * Who has a resource: the member that lists the URI, or stands in its alias, or has a template that it may be expanded
 * from, the one that says most; else the only one that has resources at all, because not every resource is listed.
 */
export function routeOf(view: CatalogView, uri: string): ResourceRoute | undefined {
  const listed = view.resources.byName.get(uri);
  if (listed) return routeTo(listed);
  const alias = aliased(uri);
  const named = alias && view.servers.find(({ ref }) => ref.serverId === alias.serverId);
  if (alias && named) return { slot: named, uri: alias.uri };
  const matching = uri.length > MAX_URI ? undefined : matchersOf(view).find(({ template }) => template.matches(uri));
  if (matching) return { slot: matching.slot, uri };
  const [only, ...others] = view.servers.filter(({ offer }) => offer.capabilities['resources']);
  return only && others.length === 0 ? { slot: only, uri } : undefined;
}

/** Who completes the variables of a template, or of a resource that is listed. */
export function completionRouteOf(view: CatalogView, uri: string): ResourceRoute | undefined {
  const entry = view.resourceTemplates.byName.get(uri) ?? view.resources.byName.get(uri);
  return entry && routeTo(entry);
}

function routeTo({ target }: CatalogEntry): ResourceRoute | undefined {
  return 'slot' in target ? { slot: target.slot, uri: target.own } : undefined;
}

/** The most telling first. Aliases are found without. */
function matchersOf(view: CatalogView): readonly Matcher[] {
  let known = matchers.get(view);
  if (!known) {
    known = view.resourceTemplates.entries
      .flatMap(({ target }) => ('slot' in target ? [{ template: new UriTemplate(target.own), slot: target.slot }] : []))
      .sort((a, b) => b.template.literals - a.template.literals);
    matchers.set(view, known);
  }
  return known;
}
