import { OPERATOR } from '../documents/documents.js';

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
