import {
  type ClientAnswer,
  INTERNAL_ERROR,
  type MemberQuestion,
  type Message,
  type NeededConsent,
  type Span,
  applyEdits,
  scanObject,
} from '#builder';
import type { ComposerError } from '#kernel';
import type { Asker, HttpReply, JsonRpcFault } from '../mcp-endpoint/http-reply.js';
import type { McpReply } from '../mcp-endpoint/mcp-reply.js';
import { PassingReply } from '../router/passing-reply.js';

export interface RoundTripParts {
  readonly asker: Asker;
  /** Whether an answer of so many bytes may be kept for a caller that is not there. */
  readonly mayKeep: (bytes: number) => boolean;
}

/**
 * The answer to a call that may take its caller several requests (2026-07-28, multi-round-trip requests). Between two of
 * them nobody is there: what is told then is lost, and the answer itself is kept for the next request. Whoever answers
 * sees one reply, which has been given when the answer is, whether or not it was fetched.
 */
export class RoundTripReply extends PassingReply<HttpReply> implements McpReply {
  private isAway = false;
  private isGiven = false;
  /** The request that is answered now is not the one with which the call began. */
  private hasReturned = false;
  /** As it stands in the request that is answered now. */
  private progressToken: Buffer | undefined;
  private kept: ((reply: HttpReply) => void) | undefined;
  private whenAnswered: readonly (() => void)[] = [];
  private whenAbandoned: readonly (() => void)[] = [];

  constructor(
    reply: HttpReply,
    private readonly parts: RoundTripParts,
  ) {
    super(reply);
    this.follow(reply);
  }

  get takesPieces(): boolean {
    return this.reply.takesPieces;
  }

  get isPaused(): boolean {
    return this.isAway;
  }

  /** The call is over, and its caller has not fetched the answer. */
  get isKept(): boolean {
    return this.kept !== undefined;
  }

  /** Gives the caller something that is not the answer, and lets it go. */
  pause(give: (reply: HttpReply) => void): void {
    this.isAway = true;
    give(this.reply);
  }

  /** The caller is back. If there is an answer for it, it has it now. */
  goOnIn(reply: HttpReply, { raw, places: { progressToken } }: Message): void {
    this.reply = reply;
    this.isAway = false;
    this.hasReturned = true;
    this.progressToken = progressToken && Buffer.from(raw.subarray(progressToken.start, progressToken.end));
    this.follow(reply);
    const { kept } = this;
    this.kept = undefined;
    kept?.(reply);
  }

  /** There will be no answer, or nobody to have it. */
  drop(): void {
    this.kept = undefined;
    this.close();
  }

  onAnswered(listener: () => void): void {
    if (this.isGiven) listener();
    else this.whenAnswered = [...this.whenAnswered, listener];
  }

  onAbandoned(listener: () => void): void {
    this.whenAbandoned = [...this.whenAbandoned, listener];
  }

  override message(parts: readonly Buffer[], status?: number): void {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    this.answer((reply) => reply.message(this.hasReturned ? [withId(parts, reply.id)] : parts, status), size);
  }

  override result(result: object): void {
    this.answer((reply) => reply.result(result));
  }

  override failed(text: string, code: string): void {
    this.answer((reply) => reply.failed(text, code));
  }

  override needsConsent(consent: NeededConsent): void {
    this.answer((reply) => reply.needsConsent(consent));
  }

  override protocolError(code: number, message: string, data?: object): void {
    this.answer((reply) => reply.protocolError(code, message, data));
  }

  error(status: number, fault: JsonRpcFault, headers?: readonly string[]): void {
    this.answer((reply) => reply.error(status, fault, headers));
  }

  refuse(error: ComposerError, headers?: readonly string[]): void {
    this.answer((reply) => reply.refuse(error, headers));
  }

  override endUnanswered(): void {
    this.answer((reply) => reply.endUnanswered());
  }

  /** Whoever is not there does not learn of it: it could not come back. */
  cutOff(reason: ComposerError): void {
    if (this.isAway) this.drop();
    else this.reply.cutOff(reason);
  }

  override ask(question: MemberQuestion, take: (answer: ClientAnswer) => void): (() => void) | undefined {
    return this.isGiven ? undefined : this.parts.asker(question, take);
  }

  override openStream(): void {
    if (!this.isAway) this.reply.openStream();
  }

  override event(parts: readonly Buffer[]): void {
    if (this.isAway || !this.reply.takesEvents) return;
    if (!this.hasReturned) return this.reply.event(parts);
    const event = withToken(Buffer.concat(parts), this.progressToken);
    if (!event) return;
    this.reply.openStream();
    this.reply.event([event]);
  }

  private answer(give: (reply: HttpReply) => void, size = 0): void {
    if (!this.isAway) return give(this.reply);
    if (this.isGiven) return;
    this.kept = this.parts.mayKeep(size) ? give : tellLost;
    this.close();
  }

  private follow(reply: HttpReply): void {
    reply.onAnswered(() => {
      if (this.reply === reply && !this.isAway) this.close();
    });
    reply.onAbandoned(() => {
      if (this.reply === reply) for (const listener of this.whenAbandoned) listener();
    });
  }

  private close(): void {
    if (this.isGiven) return;
    this.isGiven = true;
    for (const listener of this.whenAnswered) listener();
  }
}

function tellLost(reply: HttpReply): void {
  const text = 'The call has ended, but its answer could not be kept until now; what it has done is done.';
  reply.protocolError(INTERNAL_ERROR, text, { code: 'COMPOSER_ANSWER_LOST' });
}

/** The answer was made for the request with which the call began, and is given to another one. */
function withId(parts: readonly Buffer[], id: Buffer): Buffer {
  const message = Buffer.concat(parts);
  const place = memberOf(message, 0, 'id');
  return place ? applyEdits(message, [{ ...place, bytes: id }]) : message;
}

/** Undefined: progress, and the request that is answered now wants none. */
function withToken(message: Buffer, token: Buffer | undefined): Buffer | undefined {
  if (textAt(message, memberOf(message, 0, 'method')) !== '"notifications/progress"') return message;
  const params = memberOf(message, 0, 'params');
  const place = params && memberOf(message, params.start, 'progressToken');
  return place && token && applyEdits(message, [{ ...place, bytes: token }]);
}

const textAt = (message: Buffer, span: Span | undefined): string | undefined =>
  span && message.toString('utf8', span.start, span.end);

function memberOf(message: Buffer, start: number, key: string): Span | undefined {
  let found: Span | undefined;
  scanObject(message, start, (name, span) => {
    if (name === key) found = span;
  });
  return found;
}
