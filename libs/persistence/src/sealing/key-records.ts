import type { JsonObject } from '#kernel';
import { type Documents, OPERATOR } from '../documents/documents.js';
import { KeyDroppedError } from '../persistence.errors.js';

/** What is known of a key of the ring. A type and no interface, which is no JSON object to the compiler. */
export type KeyRecord = {
  /** What only this key opens. */
  readonly sealed: string;
  /** Nobody wraps with it any more. */
  readonly isDropped?: boolean;
  /** Who may wrap everything with it, and until when, in milliseconds since the epoch. */
  readonly rewrappedBy?: string;
  readonly rewrappedUntil?: number;
};

export type KeyRecords = Readonly<Record<string, KeyRecord>>;

/** All of them in one document: what is asked for by name is never seen late, as a range may be. */
export const KEY_RECORDS = { partition: OPERATOR, path: 'keys/ring' } as const;

export function recordOf(body: JsonObject | undefined, keyId: string): KeyRecord | undefined {
  return body && Object.hasOwn(body, keyId) ? (body as KeyRecords)[keyId] : undefined;
}

/**
 * Whoever stores a newly wrapped key asks before and afterwards, and takes back what he has stored if it was dropped in
 * between: no lock keeps the key from that here.
 *
 * @throws KeyDroppedError
 */
export async function refuseDropped(documents: Documents, keyId: string): Promise<void> {
  const stored = await documents.read(KEY_RECORDS);
  if (recordOf(stored?.body, keyId)?.isDropped) throw new KeyDroppedError(keyId);
}
