import type { ComposerError } from '#kernel';
import type { Principal } from '#tenancy';

/** A place among the calls under way. */
export interface Ticket {
  /** Gives the place back. Again: nothing. */
  leave(): void;
}

/** A place that is not free yet. */
export interface Turn {
  /** Rejects with a `ComposerError` of status 429 when it took too long, or was given up. */
  readonly slot: Promise<Ticket>;
  /** Nobody waits for it any more. */
  giveUp(): void;
}

/** How much a principal may ask for. The application provides it: the gateway does not know who calls. */
export abstract class CallAdmission {
  /** Counts a request. Gives the error to answer with, of status 429, if it is one too many. */
  abstract refusalOf(principal: Principal): ComposerError | undefined;
  /** A place for a tool call, at once if one is free. Throws a `ComposerError` of status 429 if too many wait already. */
  abstract enter(principal: Principal): Ticket | Turn;
}
