import type { RequestPatch } from '#auth';
import type { ComposerError } from '#kernel';
import {
  MemberClosedError,
  MemberProtocolError,
  MemberTimeoutError,
  asComposerError,
  refusalOf,
} from '../builder.errors.js';
import { replyFailure } from '../failure-text.js';
import { notificationFor, requestFor, responseFor } from '../mcp/answer-translation.js';
import type { MemberMessage } from '../mcp/member-message.js';
import type { MemberOutcome, RunningCall, ToolCall, ToolReply } from '../member.js';
import type { CallParts } from '../members/call-parts.js';
import { forwarded, passCookies } from '../wire/request-head.js';
import { outcomeOf, retryDelay, wasNeverSent } from '../wire/retry.js';
import { TimeLimit } from '../wire/time-limit.js';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import type { SseLink, SseSession } from './sse-link.js';
import type { SseWaiter } from './sse-stream.js';
import { isLost } from './sse.errors.js';

export interface SseCallParts extends CallParts {
  readonly link: SseLink;
}

/**
 * One `tools/call` at a member over HTTP+SSE: posted, and answered on the stream. A refused credential is renewed once, a
 * lost session opened once, and a connection that never came about is tried again: nothing else is, because the member
 * may have acted already. What the member logs is told to nobody: it does not say to whom it belongs.
 */
export class SseToolCall implements ExchangeListener, SseWaiter, RunningCall {
  private readonly startedAt = performance.now();
  private exchange: WireExchange | undefined;
  private session: SseSession | undefined;
  private patch: RequestPatch | undefined;
  private clearDeadline: (() => void) | undefined;
  private answerHead: AnswerHead | undefined;
  private id = 0;
  private loss: ComposerError | undefined;
  private isPosted = false;
  private isRefusal = false;
  private isSettled = false;
  private isStreaming = false;
  private wasRenewed = false;
  private wasReopened = false;
  private tries = 0;

  constructor(
    private readonly parts: SseCallParts,
    private readonly call: ToolCall,
    private readonly reply: ToolReply,
  ) {}

  start(): void {
    const { deadlines, timeoutSeconds } = this.parts;
    this.clearDeadline = deadlines.add(timeoutSeconds * 1000, () => this.expire());
    this.attempt();
  }

  cancel(): void {
    if (this.isSettled) return;
    this.settle();
    this.tellCancelled('the caller cancelled the request');
  }

  breakOff(): void {
    if (this.isSettled) return;
    this.tellCancelled('the connection is closed');
    this.giveUp(new MemberClosedError(), 'unknown');
  }

  answer(message: MemberMessage): void {
    if (this.isSettled) return;
    const context = { askedAs: String(this.id), callerId: this.reply.id, callerEra: this.call.era };
    const answered = responseFor(message, context);
    if (answered.kind !== 'message') {
      const what = 'it asks for input that this client cannot give; use a client of revision 2026-07-28';
      return this.giveUp(new MemberProtocolError(what), 'ok');
    }
    this.settle();
    this.note('ok');
    this.reply.message([answered.bytes], 200);
  }

  progress(message: MemberMessage): void {
    if (this.isSettled || !this.reply.takesEvents) return;
    const { raw, places } = this.call.message;
    const token = places.progressToken && raw.subarray(places.progressToken.start, places.progressToken.end);
    const bytes = notificationFor(message, this.call.era, token);
    if (!bytes) return;
    if (!this.isStreaming) this.reply.openStream();
    this.isStreaming = true;
    this.reply.event([bytes]);
  }

  /** While the message has not been taken, it can still turn out that it never will be. */
  lost(error: ComposerError): void {
    if (this.isSettled) return;
    if (this.isPosted) this.giveUp(error, outcomeOf(error));
    else this.loss = error;
  }

  head(head: AnswerHead): BodyForm {
    const { credential } = this.parts;
    this.answerHead = head;
    passCookies(this.patch!, head.headers, this.session!.stream.path);
    this.isRefusal = credential.refuses(head);
    if (!this.isRefusal && head.status < 400) credential.noteAccepted(this.patch!);
    return 'whole';
  }

  body(): void {
    if (this.isSettled) return;
    const { status } = this.answerHead!;
    if (this.isRefusal && !this.wasRenewed) return this.renew();
    if (this.isRefusal || status === 401 || status === 403) return this.giveUp(this.refusal(), 'auth_required');
    if (isLost(status) && !this.wasReopened) return this.reopen();
    if (status >= 300) {
      const what = `it answered HTTP ${status} to the call`;
      return this.giveUp(new MemberProtocolError(what), status >= 500 ? 'error' : 'ok');
    }
    this.isPosted = true;
    if (this.loss) this.giveUp(this.loss, outcomeOf(this.loss));
  }

  end(): void {
    // The body always comes whole.
  }

  fail(error: ComposerError, isUnsent: boolean): void {
    if (this.isSettled) return;
    if (wasNeverSent(error, isUnsent) && this.tries <= this.parts.retries) {
      this.parts.deadlines.add(retryDelay(this.tries), () => this.attempt());
      return;
    }
    this.giveUp(error, outcomeOf(error));
  }

  private attempt(): void {
    if (this.isSettled) return;
    this.tries++;
    const session = this.parts.link.peek();
    const patch = this.parts.credential.peek();
    if (session && patch) this.send(session, patch);
    else void this.prepare();
  }

  private async prepare(): Promise<void> {
    try {
      const { link, credential, timeoutSeconds } = this.parts;
      const [session, patch] = await Promise.all([link.open(new TimeLimit(timeoutSeconds * 1000)), credential.get()]);
      if (!this.isSettled) this.send(session, patch);
    } catch (error) {
      this.fail(asComposerError(error), true);
    }
  }

  private send(session: SseSession, patch: RequestPatch): void {
    const { link, pool, forwardHeaders } = this.parts;
    this.session?.stream.drop(this.id);
    this.session = session;
    this.patch = patch;
    this.loss = undefined;
    this.id = link.nextId();
    if (!session.stream.expect(this.id, this)) {
      if (!this.wasReopened) return this.reopen();
      return this.giveUp(new MemberProtocolError('its stream ends as soon as it is open'), 'error');
    }
    const more = forwardHeaders.length > 0 ? forwarded(forwardHeaders, this.call.headers) : {};
    const [path, headers] = link.head(session, more, patch);
    const exchange = new WireExchange(this);
    this.exchange = exchange;
    pool.dispatch({ method: 'POST', path, headers, body: requestFor(this.call, 'legacy', this.id) }, exchange);
  }

  private renew(): void {
    this.wasRenewed = true;
    this.parts.credential.renew(this.patch!).then(
      (fresh) => {
        if (this.isSettled) return;
        if (fresh) this.send(this.session!, fresh);
        else this.giveUp(this.refusal(), 'auth_required');
      },
      (error: unknown) => this.giveUp(asComposerError(error), outcomeOf(asComposerError(error))),
    );
  }

  private refusal(): ComposerError {
    const { status, headers } = this.answerHead!;
    return refusalOf(status, headers['www-authenticate']);
  }

  private reopen(): void {
    this.wasReopened = true;
    this.session!.stream.drop(this.id);
    this.parts.link.forget(this.session!);
    this.attempt();
  }

  private expire(): void {
    if (this.isSettled) return;
    const { link } = this.parts;
    this.tellCancelled('the call took longer than it may');
    // Nothing at all has come: it may be the stream that is dead, and nobody has told.
    if (this.session && this.session.stream.heardAt < this.startedAt) link.forget(this.session);
    this.giveUp(new MemberTimeoutError(this.parts.timeoutSeconds), 'timeout');
  }

  private tellCancelled(reason: string): void {
    if (!this.session) return;
    const params = { requestId: this.id, reason };
    void this.parts.link.tell(this.session, { method: 'notifications/cancelled', params });
  }

  private giveUp(error: ComposerError, outcome: MemberOutcome): void {
    if (this.isSettled) return;
    this.settle();
    this.note(outcome);
    replyFailure(this.reply, this.parts.memberName, error);
  }

  private note(outcome: MemberOutcome): void {
    const { credential, noteOutcome } = this.parts;
    noteOutcome(outcome, credential.isPersonal ? this.call.principalId : undefined);
  }

  private settle(): void {
    this.isSettled = true;
    this.clearDeadline?.();
    this.session?.stream.drop(this.id);
    // What still waits for a connection would keep its body in memory.
    if (this.exchange) this.parts.pool.withdraw(this.exchange);
    this.parts.done(this);
  }
}
