import type { ToolFacts } from '#builder';
import { DEFAULT_LIMIT, MAX_LIMIT } from './facade-tools.js';
import type { HiddenTool, HiddenTools } from './hidden-tools.js';

/** What a caller wants to be told of. */
export interface Wish {
  readonly query?: string;
  /** In small letters. */
  readonly tags: readonly string[];
  readonly limit?: number;
}

/** Up to so many services are listed to whoever asks for nothing in particular. */
const FULL_LIST_MAX = 40;
const MAX_SUMMARY = 200;
const MAX_SUGGESTIONS = 10;

export const USAGE =
  "Call get_service_info(query='...') to search; get_service_info(service='name') tells of one; " +
  'then get_type_info and make_tool_call.';
const OVERVIEW_USAGE =
  "There are many services, so that only their names are listed. Call get_service_info(query='...') to search names and " +
  "descriptions (with tags and limit if wanted), or get_service_info(service='name') for one of the names.";
const NOTHING_USAGE =
  "Nothing fits. 'names' lists all that there is: call get_service_info(service='name') for one of them, or " +
  "get_service_info(query='...') with other words.";

/** As the original answers `get_service_info`: what fits a wish, or an overview where there is none and a lot to tell. */
export async function discovered(list: HiddenTools, { query, tags, limit }: Wish): Promise<object> {
  const { all: services } = list;
  if (query !== undefined || tags.length > 0)
    return found(list, { tags, ...(query ? { query } : {}), ...atMost(limit) });
  if (services.length > FULL_LIST_MAX) return overviewOf(services);
  const most = Math.min(limit ?? services.length, MAX_LIMIT);
  const matches = services.slice(0, most).map(({ facts }) => slim(facts));
  return { matches, total_matched: services.length, total_services: services.length, mode: 'list', usage: USAGE };
}

/** Names like one that is not there. */
export async function suggestionsFor(list: HiddenTools, name: string): Promise<readonly string[]> {
  const index = await list.index();
  return index
    .matches(name, () => true)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ at }) => list.all[at]!.facts.name);
}

/** One entry of a list: never a schema. */
export function slim(
  { name, summary, description, tags, http_method, path, operationId }: ToolFacts,
  score?: number,
): object {
  return {
    name,
    summary: cut(summary || description),
    tags,
    ...(http_method === undefined ? {} : { http_method }),
    ...(path === undefined ? {} : { path }),
    ...(operationId === undefined ? {} : { operationId }),
    ...(score === undefined ? {} : { score: Math.round(score * 10_000) / 10_000 }),
  };
}

const atMost = (limit: number | undefined): { readonly limit: number } => ({
  limit: Math.max(1, Math.min(limit ?? DEFAULT_LIMIT, MAX_LIMIT)),
});

async function found(list: HiddenTools, { query, tags, limit }: Wish & { readonly limit: number }): Promise<object> {
  const { all: services } = list;
  const wanted = new Set(tags);
  const accepts = (at: number): boolean =>
    wanted.size === 0 || services[at]!.facts.tags.some((tag) => wanted.has(tag.toLowerCase()));
  const fitting =
    query === undefined
      ? services.flatMap((_, at) => (accepts(at) ? [{ at, score: 1 }] : []))
      : (await list.index()).matches(query, accepts);
  const matches = fitting.slice(0, limit).map(({ at, score }) => slim(services[at]!.facts, score));
  return {
    matches,
    total_matched: fitting.length,
    total_services: services.length,
    mode: query === undefined ? 'list' : 'search',
    usage: USAGE,
    ...(query === undefined ? {} : { query }),
    ...(tags.length > 0 ? { tags_filter: tags } : {}),
    limit,
    ...(matches.length === 0 ? { no_matches: true, names: namesOf(services), usage: NOTHING_USAGE } : {}),
  };
}

function overviewOf(services: readonly HiddenTool[]): object {
  const tags = services.flatMap(({ facts }) => [...new Set(facts.tags)]);
  return {
    total_services: services.length,
    names: namesOf(services),
    groups: counted(namesOf(services).map(groupOf)),
    tags: counted(tags),
    mode: 'overview',
    usage: OVERVIEW_USAGE,
  };
}

const namesOf = (services: readonly HiddenTool[]): readonly string[] => services.map(({ facts }) => facts.name);

/** What a name begins with: names are often made of an area and what is done there. */
const groupOf = (name: string): string => name.split(/[_\-/.]/, 1)[0]!.toLowerCase();

function counted(names: readonly string[]): readonly object[] {
  const counts = new Map<string, number>();
  for (const name of names) if (name !== '') counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1))
    .map(([name, count]) => ({ name, count }));
}

function cut(text: string): string {
  const plain = text.trim();
  if (plain.length <= MAX_SUMMARY) return plain;
  // Not in the middle of a surrogate pair.
  return `${plain.slice(0, MAX_SUMMARY - 1).replace(/[\uD800-\uDBFF]$/, '').trimEnd()}…`; // prettier-ignore
}
