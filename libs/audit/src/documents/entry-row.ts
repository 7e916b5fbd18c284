import type { AuditEvent } from '../audit-event.js';
import { type AuditRow, columnsOf } from '../audit-row.js';
import type { RowQuery } from '../audit-store.js';
import type { ChainEntry } from './chain-documents.js';

/** Documents have nothing beside the text to search in, so that nothing there can be altered: it is made of the text. */
export function rowOf({ seq, body, hash }: ChainEntry): AuditRow {
  try {
    const event = JSON.parse(body) as Pick<AuditEvent, 'action' | 'actor' | 'target'> & { readonly at: string };
    return { seq, at: event.at.replace('Z', '000Z'), ...columnsOf(event), body, hash };
  } catch {
    return { seq, at: null, action: '', actor: '', target: null, body, hash };
  }
}

export function fits({ at, action, actor, target }: AuditRow, query: RowQuery): boolean {
  const time = Date.parse(at ?? '');
  if (query.action !== undefined && !action.startsWith(query.action)) return false;
  if (query.actor !== undefined && actor !== query.actor) return false;
  if (query.target !== undefined && target !== query.target) return false;
  if (query.from !== undefined && !(time >= query.from.getTime())) return false;
  return query.to === undefined || time < query.to.getTime();
}
