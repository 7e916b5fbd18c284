/** What only the right key opens, as it is stored. */
export interface StoredKeyCheck {
  readonly keyId: string;
  readonly sealed: string;
}

/** Durable home of the check records, one for each key that ever sealed here. Safe across processes. */
export abstract class KeyCheckStore {
  /** Those of keys that were not dropped, ordered by key. */
  abstract list(): Promise<readonly StoredKeyCheck[]>;

  /**
   * Keeps the first record of a key: one that is there already stays. A key that was dropped and is in a ring again is
   * dropped no more, and has the record that it had.
   */
  abstract admit(check: StoredKeyCheck): Promise<void>;
}
