import { isObject } from '#kernel';
import { CLIENT_FLAGS } from '../client-facts.js';
import type { Era, MemberRequest } from '../member.js';
import { decoded } from './control-request.js';
import { TASKS_EXTENSION } from './extensions.js';
import { MISSING_CAPABILITY } from './mcp-protocol.js';
import type { MemberMessage } from './member-message.js';

/**
 * Whether the member has refused a call because it would make a task of it (SEP-2663, capability negotiation), and has
 * done nothing. Only where the composer follows the task for a caller that cannot have said anything of tasks.
 */
export function wantsTasks({ raw, places }: MemberMessage, { client, method }: MemberRequest, memberEra: Era): boolean {
  const isFollowed = client.era === 'legacy' && memberEra === 'modern' && method === 'tools/call';
  if (!isFollowed || !places.has('error') || client.capabilities.includes('extensions.tasks')) return false;
  const error = decoded(raw)?.['error'];
  if (!isObject(error) || error['code'] !== MISSING_CAPABILITY || !isObject(error['data'])) return false;
  const { requiredCapabilities } = error['data'];
  const extensions = isObject(requiredCapabilities) ? requiredCapabilities['extensions'] : undefined;
  return isObject(extensions) && TASKS_EXTENSION in extensions;
}

/** The same request of a caller that takes tasks. */
export function takingTasks(request: MemberRequest): MemberRequest {
  const { client } = request;
  const known = new Set([...client.capabilities, 'extensions.tasks']);
  return { ...request, client: { ...client, capabilities: CLIENT_FLAGS.filter((flag) => known.has(flag)) } };
}
