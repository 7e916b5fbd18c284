import type { MemberRef } from '#kernel';
import type { StoredCatalog } from './catalog.store.js';
import type { ServerConfig } from './server-config.schema.js';

/** A checked configuration that wants to serve. */
export interface Candidate {
  readonly ref: MemberRef;
  readonly config: ServerConfig;
  readonly version: number;
}

/** A member that was built and tried, but does not serve yet. Its owner calls exactly one of the two methods. */
export interface Admission {
  /** Why the member does not work, in words for the tenant; absent if it answered. */
  readonly problem?: string;
  /** The problem is that a person has to consent, which is possible only once this is stored. */
  readonly awaitsConsent?: boolean;
  /** What the member offers; absent if it could not be asked. */
  readonly catalog?: StoredCatalog;
  /** From now on this member serves, as the stored state that `mark` names; the one that it replaces finishes what it has begun. */
  activate(mark: string): void;
  /** Releases everything that was built. */
  discard(): Promise<void>;
}

/**
 * What the registry asks before it stores a configuration and tells after it has. The layer that builds members stands
 * above the registry and enters itself here, so that the registry need not know it.
 */
export interface MemberGate {
  /** Throws one and the same error for every address that may not be called, with the paths of the offenders. */
  judge(addresses: readonly { readonly path: string; readonly url: string }[]): Promise<void>;
  /** Builds and tries the member. Throws if the configuration cannot be built at all; a member that is away is no error. */
  admit(candidate: Candidate): Promise<Admission>;
  /** The member serves no more. */
  retire(ref: MemberRef): Promise<void>;
  /** Whether the member that serves now works. Tries it if that is not known, or did not work when it was last used. */
  isWorking(ref: MemberRef): Promise<boolean>;
}
