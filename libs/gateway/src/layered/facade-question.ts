import { isObject } from '#kernel';
import type { Facade, FacadeTool } from '#registry';
import { CALL_FORMS, argumentNames } from './facade-tools.js';
import type { Wish } from './discovery.js';

/** What a call of one of the three tools asks. */
export interface Question {
  /** Of a service; absent: of all of them. */
  readonly name?: string;
  readonly wish: Wish;
  /** What is wrong with the arguments. */
  readonly fault?: string;
}

/** One of the three tools, and what its member has. */
interface AskedTool {
  readonly tool: FacadeTool;
  readonly of: Facade['of'];
}

const MAX_TAGS = 64;
/** Of names that are told to be unknown. */
const [MAX_NAMES, MAX_NAME] = [5, 64];

/**
 * Reads the arguments as the original does: a service goes by `service` or `tool_name`, tags may be a text with commas, and
 * what the tool does not know is refused, so that nothing is called without something that was meant.
 */
export function questionIn({ tool, of }: AskedTool, given: unknown): Question {
  const args = given ?? {};
  const nothing: Wish = { tags: [] };
  if (!isObject(args)) return { wish: nothing, fault: 'arguments must be an object' };
  const [name, other] = [args['service'], args['tool_name']].filter((one) => one !== undefined && one !== null);
  if (name !== undefined && typeof name !== 'string') return { wish: nothing, fault: 'the name must be a text' };
  if (other !== undefined && other !== name)
    return { wish: nothing, fault: 'there are two names of which one is meant' };
  const named = name ? { name } : {};
  const unknown = Object.keys(args).filter((key) => !NAMES.includes(key) && !argumentNames(of, tool).includes(key));
  if (unknown.length > 0) return { ...named, wish: nothing, fault: refusal({ tool, of }, unknown) };
  if (tool !== 'get_service_info' && !name) {
    return { wish: nothing, fault: 'the name of a service is missing: get_service_info tells them' };
  }
  if (tool === 'make_tool_call' && !isObject(args['arguments'] ?? {})) {
    return { ...named, wish: nothing, fault: 'the arguments of the tool must be an object' };
  }
  return { ...named, wish: wishIn(args) };
}

/** Either is understood everywhere. */
const NAMES = ['service', 'tool_name'];

function refusal({ tool, of }: AskedTool, unknown: readonly string[]): string {
  const told = unknown.slice(0, MAX_NAMES).map((key) => key.slice(0, MAX_NAME));
  const instead =
    tool === 'make_tool_call' ? `write ${CALL_FORMS[of]}` : `it takes ${argumentNames(of, tool).join(', ')}`;
  return `${tool} does not take ${told.join(', ')}; ${instead}`;
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
