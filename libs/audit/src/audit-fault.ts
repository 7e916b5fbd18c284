/** What can be wrong with a trail, in words for whoever has to look into it. */
export const AUDIT_FAULTS = {
  body: 'the text of this event was altered',
  hash: 'the hash of this event was altered; its text is the one that was written',
  column: 'a column beside the text of this event was altered; the text is the one that was written',
  missing: 'this event is gone',
  truncated: 'this event and all that followed it are gone',
  foreign:
    'this event was not written here by a composer: it was inserted, moved, exchanged or chained without the key',
  head: 'the record of where the trail ends was altered or removed',
  key: 'the key of the trail does not open: it was altered, or the key ring is another one',
  anchor: 'this event is not the one that stood here when the anchor was written',
} as const;

export type AuditFaultKind = keyof typeof AUDIT_FAULTS;

/** The first fault of a trail. */
export interface AuditFault {
  /** The number of the event. */
  readonly seq: number;
  readonly kind: AuditFaultKind;
  /** Which column, for the kind `column`. */
  readonly column?: string;
  readonly message: string;
}
