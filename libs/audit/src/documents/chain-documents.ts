import type { KeyObject } from 'node:crypto';
import type { JsonObject, TenantId } from '#kernel';
import type { DocumentRef, StoredDocument } from '#persistence';
import type { AuditEvent } from '../audit-event.js';
import { linkHash } from '../audit-hash.js';
import type { ChainHead, Place } from '../audit-store.js';

/**
 * A trail on documents. Events lie in documents named after the number of their first event, those that were recorded
 * at once in one: whoever appends makes the document behind the last one, and of two that try only one can. The head
 * says where the trail ends, the number and the hash, and holds the wrapped key. It is written after the events, so a
 * crash leaves it behind them: whoever reads looks behind it, and takes what is chained there with the key for good.
 */
export const EVENTS = 'audit/';
const DIGITS = 15;

/** An event as a document has it. */
export interface ChainEntry extends Place {
  readonly body: string;
}

export const headRef = (tenant: TenantId): DocumentRef => ({ partition: tenant, path: 'audit-head/1' });

export const eventsPath = (first: number): string => `${EVENTS}${`${first}`.padStart(DIGITS, '0')}`;

/** The text of an event, as it is chained. */
export function textOf({ at: happened, ...event }: AuditEvent, now: number): string {
  return JSON.stringify({ at: new Date(happened ?? now).toISOString(), outcome: 'done', ...event });
}

/** Chains texts behind a place. */
export function chained(
  bodies: readonly string[],
  { tenantId, key, place }: { readonly tenantId: TenantId; readonly key: KeyObject; readonly place: Place },
): readonly ChainEntry[] {
  let { seq, hash } = place;
  return bodies.map((body) => {
    seq += 1;
    hash = linkHash(key, hash, { tenantId, seq, body });
    return { seq, body, hash };
  });
}

/** @param ids what names the appendings in it, so that none is done twice */
export const eventsBody = (ids: readonly string[], entries: readonly ChainEntry[]): JsonObject => ({
  ids,
  events: entries.map(({ seq, body, hash }) => ({ seq, body, hash: hash.toString('hex') })),
});

export function idsIn({ body }: Pick<StoredDocument, 'body'>): readonly string[] {
  const ids: unknown = body['ids'];
  return Array.isArray(ids) ? (ids as readonly string[]) : [];
}

/** Whatever the document says: it may have been tampered with. */
export function entriesOf({ body }: Pick<StoredDocument, 'body'>): readonly ChainEntry[] {
  const events: unknown = body['events'];
  if (!Array.isArray(events)) return [];
  return events.flatMap((event: unknown) => {
    const { seq, body: text, hash } = (event ?? {}) as Record<string, unknown>;
    return typeof seq === 'number' && typeof text === 'string'
      ? [{ seq, body: text, hash: Buffer.from(textIn(hash), 'hex') }]
      : [];
  });
}

/** The place behind the entries if each follows the one before it, as only who has the key can make it. */
export function placeBehind(
  entries: readonly ChainEntry[],
  { tenantId, key, place }: { readonly tenantId: TenantId; readonly key: KeyObject; readonly place: Place },
): Place | undefined {
  let last = place;
  for (const { seq, body, hash } of entries) {
    const follows = seq === last.seq + 1 && linkHash(key, last.hash, { tenantId, seq, body }).equals(hash);
    if (!follows) return undefined;
    last = { seq, hash };
  }
  return last === place ? undefined : last;
}

export const headBody = ({ key, seq, hash }: ChainHead): JsonObject => ({
  keyId: key.keyId,
  wrapped: key.wrapped.toString('base64'),
  seq,
  hash: hash.toString('hex'),
});

/** Whatever the document says, as `entriesOf`. */
export function headOf({ body }: Pick<StoredDocument, 'body'>): ChainHead {
  return {
    key: { keyId: textIn(body['keyId']), wrapped: Buffer.from(textIn(body['wrapped']), 'base64') },
    seq: Number(body['seq']),
    hash: Buffer.from(textIn(body['hash']), 'hex'),
  };
}

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
