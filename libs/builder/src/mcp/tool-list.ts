import { isObject } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import { type Span, scanList, scanObject } from '../json-rpc/json-scan.js';
import type { McpLink } from './mcp-link.js';

const MAX_PAGES = 100;
const MAX_TOOLS = 10_000;
const MAX_BYTES = 20 * 1024 * 1024;

/** All tools of a member, each as the JSON text that it gave: fields that nobody here knows stay as they are. */
export async function fetchTools(link: McpLink, timeoutMs: number): Promise<readonly string[]> {
  const tools: string[] = [];
  let bytes = 0;
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { result, raw } = await link.ask('tools/list', cursor === undefined ? {} : { cursor }, timeoutMs);
    for (const text of toolTexts(raw, result)) {
      bytes += text.length;
      if (tools.length >= MAX_TOOLS || bytes > MAX_BYTES) {
        throw new MemberProtocolError(`it offers more than ${MAX_TOOLS} tools or ${MAX_BYTES} bytes of them`);
      }
      tools.push(text);
    }
    const next = result['nextCursor'];
    if (next === undefined || next === null || next === cursor) return tools;
    cursor = next;
  }
  throw new MemberProtocolError(`its list of tools has more than ${MAX_PAGES} pages`);
}

function toolTexts(raw: Buffer, result: Record<string, unknown>): string[] {
  const { tools } = result;
  if (!Array.isArray(tools)) throw new MemberProtocolError('its answer to tools/list has no tools');
  if (!tools.every((tool) => isObject(tool) && typeof tool['name'] === 'string' && tool['name'].length > 0)) {
    throw new MemberProtocolError('its answer to tools/list has a tool without a name');
  }
  const place = memberAt(raw, memberAt(raw, { start: 0, end: raw.length }, 'result'), 'tools');
  return scanList(raw, place.start).map(({ start, end }) => raw.toString('utf8', start, end));
}

function memberAt(raw: Buffer, object: Span, key: string): Span {
  let found: Span | undefined;
  scanObject(raw, object.start, (name, span) => {
    if (name === key) found = span;
  });
  if (!found) throw new MemberProtocolError(`its answer has no ${key}`);
  return found;
}
