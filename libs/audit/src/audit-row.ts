import type { AuditEvent, AuditRecord } from './audit-event.js';

/** An event as the table has it. The columns beside the body repeat parts of it for searching. */
export interface AuditRow {
  readonly seq: number;
  /** RFC 3339 with microseconds, or whatever else somebody has put there. */
  readonly at: string | null;
  readonly action: string;
  readonly actor: string;
  readonly target: string | null;
  readonly body: string;
  readonly hash: Buffer;
}

/** What the columns beside the body say. Postgres takes neither NUL nor half a character in a text. */
export function columnsOf({ action, actor, target }: Pick<AuditEvent, 'action' | 'actor' | 'target'>) {
  return {
    action: storable(action),
    actor: storable(`${actor.kind}:${actor.id}`),
    target: target === undefined ? null : storable(target),
  };
}

/** The event for reading. One that was tampered with is shown as far as it can be. */
export function recordOf({ seq, body, hash, ...columns }: AuditRow): AuditRecord {
  const known = { seq, hash: hash.toString('hex') };
  try {
    return { ...(JSON.parse(body) as Omit<AuditRecord, 'seq' | 'hash'>), ...known };
  } catch {
    const { at, action } = columns;
    const actor = { kind: 'system', id: 'unreadable' } as const;
    return { ...known, at: at ?? '', action, outcome: 'failed', actor, detail: { unreadable: true } };
  }
}

const storable = (text: string): string => Buffer.from(text.replaceAll('\0', '\ufffd')).toString();
