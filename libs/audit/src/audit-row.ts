import type { Transaction } from '#persistence';
import type { AuditEvent, AuditRecord } from './audit-event.js';

/** Bytes of events that are read at once; a single event may be longer. */
const PAGE_BYTES = 4 * 1024 * 1024;

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

export interface RowSelection {
  /** A condition, which is joined to those of `params`. */
  readonly where: string;
  readonly params: readonly unknown[];
  readonly order: 'ASC' | 'DESC';
  readonly limit: number;
}

/** What the columns beside the body say. Postgres takes neither NUL nor half a character in a text. */
export function columnsOf({ action, actor, target }: Pick<AuditEvent, 'action' | 'actor' | 'target'>) {
  return {
    action: storable(action),
    actor: storable(`${actor.kind}:${actor.id}`),
    target: target === undefined ? null : storable(target),
  };
}

/** At most `limit` rows and `PAGE_BYTES`, but one at least if there is one; and whether there are more. */
export async function readRows(
  tx: Transaction,
  { where, params, order, limit }: RowSelection,
): Promise<{ readonly rows: readonly AuditRow[]; readonly hasMore: boolean }> {
  const rows = await tx.query<AuditRow & { seq: string; found: string }>(
    `SELECT seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
            action, actor, target, body, hash, found
       FROM (SELECT *, count(*) OVER () AS found, row_number() OVER (ORDER BY seq ${order}) AS n,
                    sum(octet_length(body)) OVER (ORDER BY seq ${order}) AS bytes
               FROM (SELECT * FROM audit_events WHERE ${where} ORDER BY seq ${order} LIMIT ${limit + 1}) AS chosen) AS sized
      WHERE n = 1 OR n <= ${limit} AND bytes <= ${PAGE_BYTES} ORDER BY seq ${order}`,
    params,
  );
  const found = Number(rows[0]?.found ?? 0);
  return { rows: rows.map((row) => ({ ...row, seq: Number(row.seq) })), hasMore: found > rows.length };
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
