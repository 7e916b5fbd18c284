import type { MemberRef } from '#kernel';
import type { z } from 'zod';

/** What a credential adds to one outbound request. Applied last: nothing that a caller sends can override it. */
export interface RequestPatch {
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly cookies?: Readonly<Record<string, string>>;
  /** When the patch stops being worth sending, in milliseconds since the epoch; absent if it never does. */
  readonly expiresAt?: number;
}

/**
 * One way a member server wants to be spoken to. A strategy turns a tenant's settings into a patch for one outbound
 * request and owns nothing else: no sockets, no caches, no logging of secrets.
 */
export interface AuthStrategy<S = unknown> {
  /** The `auth_strategy` value of a server configuration. */
  readonly name: string;
  /** Other spellings that are read as this strategy. */
  readonly aliases?: readonly string[];
  /** The `auth` object: checked at registration and at load. Keys are snake_case. */
  readonly settings: z.ZodType<S>;
  /** Setting names that are sealed at rest, write-only in the API and masked wherever text leaves. */
  readonly secrets: readonly string[];
  /** Puts the credential on a request. Throws if there is none: a request never leaves without. */
  authorize(member: MemberRef, settings: S): Promise<RequestPatch>;
  /**
   * Present only if credentials expire. Given the patch that a member just refused with 401; called once per refusal,
   * never in a loop. `undefined`: there is nothing fresher.
   */
  renew?(member: MemberRef, settings: S, refused: RequestPatch): Promise<RequestPatch | undefined>;
}
