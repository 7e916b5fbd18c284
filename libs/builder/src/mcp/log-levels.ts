import { isObject } from '#kernel';
import { decoded } from './control-request.js';
import { type MemberMessage, textAt } from './member-message.js';

/** RFC 5424, 6.2.1, as MCP names them, the least urgent first. */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/** Whether somebody who wants to hear of this level, and what is more urgent, is told this; anything but the log always. */
export function isHeard({ raw, places }: MemberMessage, least: string | undefined): boolean {
  if (least === undefined || textAt(raw, places.get('method')) !== '"notifications/message"') return true;
  const params = decoded(raw)?.['params'];
  const level = LEVELS.indexOf(String(isObject(params) ? params['level'] : undefined));
  return level < 0 || level >= LEVELS.indexOf(least);
}
