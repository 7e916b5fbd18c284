import { isObject } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import { type Span, scanList, scanObject } from '../json-rpc/json-scan.js';
import type { Log } from '#observability';
import type { TimeLimit } from '../wire/time-limit.js';
import type { MemberSource } from './member-link.js';
import { isToolDefinition } from './tool-definition.js';

const MAX_PAGES = 100;
const MAX_TOOLS = 10_000;
const MAX_BYTES = 20 * 1024 * 1024;
/** Of tools that are left out, in the log. */
const MAX_NAMED = 20;

/**
 * All tools of a member, each as the JSON text that it gave: fields that nobody here knows stay as they are. A tool that
 * would make clients refuse the whole list is left out, and the log says so.
 */
export async function fetchTools(source: MemberSource, limit: TimeLimit, log: Log): Promise<readonly string[]> {
  const tools: string[] = [];
  const refused: string[] = [];
  let bytes = 0;
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { result, raw } = await source.ask('tools/list', cursor === undefined ? {} : { cursor }, limit);
    for (const text of toolTexts(raw, result, refused)) {
      bytes += text.length;
      if (tools.length >= MAX_TOOLS || bytes > MAX_BYTES) {
        throw new MemberProtocolError(`it offers more than ${MAX_TOOLS} tools or ${MAX_BYTES} bytes of them`);
      }
      tools.push(text);
    }
    const next = result['nextCursor'];
    if (next === undefined || next === null || next === cursor) {
      if (refused.length > 0) {
        log.warn('tools of a member are left out because their definitions are malformed', {
          count: refused.length,
          tools: refused.slice(0, MAX_NAMED),
        });
      }
      return tools;
    }
    cursor = next;
  }
  throw new MemberProtocolError(`its list of tools has more than ${MAX_PAGES} pages`);
}

function toolTexts(raw: Buffer, result: Record<string, unknown>, refused: string[]): string[] {
  const { tools } = result;
  if (!Array.isArray(tools)) throw new MemberProtocolError('its answer to tools/list has no tools');
  const place = memberAt(raw, memberAt(raw, { start: 0, end: raw.length }, 'result'), 'tools');
  return scanList(raw, place.start).flatMap(({ start, end }, index) => {
    const tool: unknown = tools[index];
    if (isToolDefinition(tool)) return [raw.toString('utf8', start, end)];
    if (refused.length < MAX_TOOLS) refused.push(String(isObject(tool) ? tool['name'] : tool).slice(0, 64));
    return [];
  });
}

function memberAt(raw: Buffer, object: Span, key: string): Span {
  let found: Span | undefined;
  scanObject(raw, object.start, (name, span) => {
    if (name === key) found = span;
  });
  if (!found) throw new MemberProtocolError(`its answer has no ${key}`);
  return found;
}
