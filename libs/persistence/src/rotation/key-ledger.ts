/** A process that serves, and the keys that it holds. */
export interface KeyHolder {
  /** Where it runs, for people. */
  readonly name: string;
  /** The one that it seals with first. Empty for a process of a version that does not tell. */
  readonly keyIds: readonly string[];
}

/** What the processes know of each other's keys. Holds no key. */
export abstract class KeyLedger {
  /** Every process that serves and was heard of within the last seconds; none where there can be but one. */
  abstract holders(): Promise<readonly KeyHolder[]>;

  /**
   * Takes the right to wrap everything with this key for `ms`, or goes on having it.
   *
   * @returns who has it instead; undefined if `holder` has it now
   */
  abstract lease(keyId: string, holder: string, ms: number): Promise<string | undefined>;

  /** Gives the right back; nothing happens if somebody else has it. */
  abstract release(keyId: string, holder: string): Promise<void>;

  /** Nobody wraps with this key any more: when this returns, what was about to be has been, or will be refused. */
  abstract drop(keyId: string): Promise<void>;

  /** Takes a drop back. */
  abstract reinstate(keyId: string): Promise<void>;
}
