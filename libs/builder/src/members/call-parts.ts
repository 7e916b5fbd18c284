import type { EgressPool } from '#egress';
import type { PrincipalId } from '#kernel';
import type { ListKind } from '../member-offer.js';
import type { MemberOutcome, MemberRequest, RunningCall } from '../member.js';
import type { MemberCredential } from '../member-credential.js';
import type { Deadlines } from '../wire/deadlines.js';

/** What a request needs of its member, whatever the member's type. */
export interface CallParts {
  readonly deadlines: Deadlines;
  readonly memberName: string;
  readonly timeoutSeconds: number;
  /** Further tries while nothing of the request has left. */
  readonly retries: number;
  readonly noteOutcome: (outcome: MemberOutcome, by?: PrincipalId) => void;
  /** The member said, to a caller, that it offers other things than before. */
  readonly noteListChanged: (to?: PrincipalId, list?: ListKind) => void;
  /** Has the member asked something whose answer nobody waits for. */
  readonly aside: (request: MemberRequest) => void;
  /** Told once, when the request is over. */
  readonly done: (call: RunningCall) => void;
}

/** The same of a member that is reached over HTTP, and of all its requests. */
export interface WireParts extends CallParts {
  readonly pool: EgressPool;
  /** Static headers of the configuration, under lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names of inbound headers that are passed on. */
  readonly forwardHeaders: readonly string[];
}

export interface WireCallParts extends WireParts {
  /** The one for what is asked, and who asks. */
  readonly credential: MemberCredential;
}
