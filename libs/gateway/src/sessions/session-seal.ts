/**
 * Makes session ids that carry their own content, so that any replica can open them and none has to remember them.
 * The application provides one whose key comes from the key ring.
 */
export abstract class SessionSeal {
  /** Visible ASCII without blanks. */
  abstract seal(content: string): string;
  /** `undefined` for everything that was not sealed here. */
  abstract open(sealed: string): string | undefined;
}
