/** What a wrapped data key is bound to. */
export interface DataKeyRef {
  readonly tenantId: string;
  readonly dataKeyId: string;
}

/**
 * Wraps data keys with keys that never leave it: a key ring in memory, or a key management service. What was wrapped
 * for one data key of one tenant does not unwrap for another.
 */
export abstract class KeyProvider {
  /** Every key that unwraps, the one that wraps first. Never empty. */
  abstract keyIds(): readonly string[];

  /** Wraps with the key that is named. */
  abstract wrap(keyId: string, ref: DataKeyRef, dataKey: Buffer): Promise<Buffer>;

  /**
   * @throws KeyMissingError when there is no such key
   * @throws Error when the bytes were wrapped with another key, for another reference, or altered
   */
  abstract unwrap(keyId: string, ref: DataKeyRef, wrapped: Buffer): Promise<Buffer>;
}
