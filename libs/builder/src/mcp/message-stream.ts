import type { ComposerError } from '#kernel';
import type { Era } from '../member.js';
import type { MemberLink, TellOptions } from './member-link.js';
import type { MemberMessage } from './member-message.js';

/** Who has asked something and is told what comes of it; once `answer` or `lost` has come, nothing more. */
export interface StreamWaiter {
  answer(message: MemberMessage): void;
  progress(message: MemberMessage): void;
  /** The stream is over, and the answer will not come. */
  lost(error: ComposerError): void;
}

/** A stream on which a member answers every request of a session. */
export interface MessageStream {
  /** When something came last, in milliseconds of `performance.now()`. */
  readonly heardAt: number;
  /** Something keeps whatever else is said on it from being heard. */
  readonly isStuck: boolean;
  /** False if the stream is over: then the request must not be sent. Otherwise the waiter is told of it until `drop`. */
  expect(id: number, waiter: StreamWaiter): boolean;
  /** Nobody waits for this request any more. */
  drop(id: number): void;
}

/** A session of a transport that answers on one stream, as HTTP+SSE and stdio do. */
export interface StreamSession {
  readonly era: Era;
  readonly stream: MessageStream;
}

/** What hears of a link what nobody has asked for. */
export interface LinkListener<Session> {
  opened(session: Session): void;
  /** A notification that belongs to no request. */
  heard(message: MemberMessage): void;
  /** A stream that breaks is opened anew without waiting for a call: what the member tells of its own accord is not missed. */
  readonly staysOpen: boolean;
}

/** The one call that has a link for itself: whatever is said there besides answers is said within that call. */
export interface StreamHolder {
  /** The member asks something; `tell` answers it. */
  asked(message: MemberMessage, tell: StreamTeller): void;
  /** The member tells something that belongs to no request by its id. */
  told(message: MemberMessage): void;
}

/** As `MemberLink.tell`, in the session in which something was asked. */
export type StreamTeller = (message: Buffer, options: TellOptions) => Promise<boolean>;

/** The composer's side of such a member. */
export interface MessageStreamLink<Session extends StreamSession = StreamSession> extends MemberLink<Session> {
  /** Whether somebody waits for an answer, or for a session. */
  readonly isBusy: boolean;
  /** Gives the link to one call alone, or to nobody: then what the member asks is refused. */
  hold(holder: StreamHolder | undefined): void;
  /** Ends what the member may still do in the session; another one is opened if somebody listens, or calls. */
  restart(): void;
}
