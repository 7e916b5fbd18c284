import { isObject } from '#kernel';
import type { FacadeTool } from './facade-tools.js';
import type { Wish } from './discovery.js';

/** What a call of one of the three tools asks. */
export interface Question {
  /** Of a service; absent: of all of them. */
  readonly name?: string;
  readonly wish: Wish;
  /** What is wrong with the arguments. */
  readonly fault?: string;
}

const MAX_TAGS = 64;

/** Reads the arguments as the original does: a service goes by `service` or `tool_name`, tags may be a text with commas. */
export function questionIn(tool: FacadeTool, given: unknown): Question {
  const args = given ?? {};
  const nothing: Wish = { tags: [] };
  if (!isObject(args)) return { wish: nothing, fault: 'arguments must be an object' };
  const name = args['service'] ?? args['tool_name'] ?? undefined;
  if (name !== undefined && typeof name !== 'string') return { wish: nothing, fault: 'the name must be a text' };
  if (tool !== 'get_service_info' && !name) {
    return { wish: nothing, fault: 'the name of a service is missing: get_service_info tells them' };
  }
  if (tool === 'make_tool_call') {
    const own = args['arguments'] ?? {};
    if (!isObject(own)) return { wish: nothing, name: name!, fault: 'the arguments of the tool must be an object' };
  }
  return { ...(name ? { name } : {}), wish: wishIn(args) };
}

function wishIn({ query, tags, limit }: Readonly<Record<string, unknown>>): Wish {
  const listed = typeof tags === 'string' ? tags.split(',') : Array.isArray(tags) ? (tags as unknown[]) : [];
  const wanted = listed.filter((tag) => typeof tag === 'string').map((tag) => tag.trim().toLowerCase());
  const words = typeof query === 'string' ? query.trim() : '';
  const most = Number(limit);
  return {
    ...(words === '' ? {} : { query: words }),
    tags: wanted.filter((tag) => tag !== '').slice(0, MAX_TAGS),
    ...(limit === undefined || limit === null || !Number.isInteger(most) ? {} : { limit: Math.max(1, most) }),
  };
}
