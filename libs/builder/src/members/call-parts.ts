import type { EgressPool } from '#egress';
import type { PrincipalId } from '#kernel';
import type { MemberOutcome, RunningCall } from '../member.js';
import type { MemberCredential } from '../member-credential.js';
import type { Deadlines } from '../wire/deadlines.js';

/** What a call needs of its member, whatever the member's type. */
export interface CallParts {
  readonly pool: EgressPool;
  /** The one for the tool that is called. */
  readonly credential: MemberCredential;
  readonly deadlines: Deadlines;
  readonly memberName: string;
  readonly timeoutSeconds: number;
  /** Further tries while nothing of the request has left. */
  readonly retries: number;
  /** Names of inbound headers that are passed on. */
  readonly forwardHeaders: readonly string[];
  readonly noteOutcome: (outcome: MemberOutcome, by?: PrincipalId) => void;
  /** Told once, when the call is over. */
  readonly done: (call: RunningCall) => void;
}
