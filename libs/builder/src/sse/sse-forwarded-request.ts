import type { RequestPatch } from '#auth';
import type { ComposerError } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import { requestFor } from '../mcp/answer-translation.js';
import { textOf } from '../mcp/control-request.js';
import type { MemberMessage } from '../mcp/member-message.js';
import { ANSWERING_MS } from '../mcp/member-questions.js';
import type { StreamHolder, StreamTeller, StreamWaiter } from '../mcp/message-stream.js';
import { type PostedParts, PostedRequest } from '../mcp/posted-request.js';
import { forwarded } from '../wire/request-head.js';
import { outcomeOf } from '../wire/retry.js';
import type { SseLink, SseSession } from './sse-link.js';
import { isLost } from './sse.errors.js';

export interface SseRequestParts extends PostedParts<SseSession> {
  readonly link: SseLink;
}

/**
 * One request at a member over HTTP+SSE: posted, and answered on the stream. What the member logs on a stream that calls
 * share is told to nobody: it does not say to whom it belongs.
 */
export class SseForwardedRequest
  extends PostedRequest<SseSession, SseRequestParts>
  implements StreamWaiter, StreamHolder
{
  private readonly startedAt = performance.now();
  private id = 0;
  private loss: ComposerError | undefined;
  private isPosted = false;

  answer(message: MemberMessage): void {
    this.answered(message);
  }

  progress(message: MemberMessage): void {
    this.passOn(message);
  }

  asked(message: MemberMessage, tell: StreamTeller): void {
    const headers = forwarded(this.parts.forwardHeaders, this.request.headers);
    this.asks(message, (answer) => tell(answer, { headers, withinMs: ANSWERING_MS }));
  }

  /** While the message has not been taken, it can still turn out that it never will be. */
  lost(error: ComposerError): void {
    if (this.isSettled) return;
    if (this.isPosted) this.giveUp(error, outcomeOf(error));
    else this.loss = error;
  }

  body(body: Buffer): void {
    if (this.isSettled) return;
    const { status } = this.answerHead!;
    this.judge(body);
    if (this.isRefusal && !this.wasRenewed) return this.renew();
    if (this.isRefusal || status === 401 || status === 403) return this.giveUp(this.refusal(), 'auth_required');
    if (!this.wasReopened && isLost(status, textOf(body))) return this.reopen();
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

  protected override send(session: SseSession, patch: RequestPatch): void {
    const { link, forwardHeaders } = this.parts;
    this.session?.stream.drop(this.id);
    this.session = session;
    this.loss = undefined;
    this.id = link.nextId();
    this.askedAs = String(this.id);
    if (!session.stream.expect(this.id, this)) {
      if (!this.wasReopened) return this.reopen();
      return this.giveUp(new MemberProtocolError('its stream ends as soon as it is open'), 'error');
    }
    const more = forwarded(forwardHeaders, this.request.headers);
    this.post({
      head: link.head(session, more, patch),
      body: requestFor(this.request, 'legacy', this.id),
      patch,
      to: session.stream.path,
    });
  }

  protected override reopen(): void {
    this.session!.stream.drop(this.id);
    super.reopen();
  }

  protected override expire(): void {
    if (this.isSettled) return;
    super.expire();
    if (!this.session) return;
    const { heardAt, isStuck } = this.session.stream;
    // Nothing at all has come: it may be the stream that is dead, and nobody has told.
    if (isStuck || heardAt < this.startedAt) this.parts.link.forget(this.session);
  }

  protected override settle(): void {
    super.settle();
    this.session?.stream.drop(this.id);
  }
}
