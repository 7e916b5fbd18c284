import { isObject } from '#kernel';
import { type LogLevel, isLogLevel, isUrgentFor } from '../log-level.js';
import { decoded } from './control-request.js';
import { type MemberMessage, textAt } from './member-message.js';

/** Whether somebody who wants to hear of this level, and what is more urgent, is told this; anything but the log always. */
export function isHeard({ raw, places }: MemberMessage, least: LogLevel | undefined): boolean {
  if (least === undefined || textAt(raw, places.get('method')) !== '"notifications/message"') return true;
  const params = decoded(raw)?.['params'];
  const level = isObject(params) ? params['level'] : undefined;
  return !isLogLevel(level) || isUrgentFor(level, least);
}
