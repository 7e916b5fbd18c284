import type { ComposerError } from '#kernel';
import { MemberBusyError } from '../builder.errors.js';
import { applyEdits } from '../json-rpc/json-edit.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import { requestFor } from '../mcp/answer-translation.js';
import { ForwardedRequest, type ForwardedParts } from '../mcp/forwarded-request.js';
import type { MemberMessage } from '../mcp/member-message.js';
import type { StreamHolder, StreamTeller, StreamWaiter } from '../mcp/message-stream.js';
import type { Era, MemberRequest } from '../member.js';
import { outcomeOf } from '../wire/retry.js';
import type { TimeLimit } from '../wire/time-limit.js';
import type { StdioSession } from './stdio-link.js';
import { MemberNotStartedError } from './stdio.errors.js';

/**
 * One request at a member over stdio. What the member logs to a process that calls share is told to nobody: it does not
 * say to whom it belongs.
 */
export class StdioForwardedRequest
  extends ForwardedRequest<StdioSession, ForwardedParts<StdioSession>>
  implements StreamWaiter, StreamHolder
{
  private readonly startedAt = performance.now();
  private id = 0;

  answer(message: MemberMessage): void {
    this.answered(message);
  }

  progress(message: MemberMessage): void {
    this.passOn(message);
  }

  asked(message: MemberMessage, tell: StreamTeller): void {
    this.asks(message, (answer) => tell(answer, {}));
  }

  lost(error: ComposerError): void {
    this.giveUp(error, outcomeOf(error));
  }

  protected override get memberEra(): Era {
    return this.session?.era ?? 'legacy';
  }

  protected override sendAtOnce(): boolean {
    const session = this.parts.link.peek();
    if (session) this.send(session);
    return session !== undefined;
  }

  protected override async prepareAndSend(limit: TimeLimit): Promise<void> {
    const session = await this.parts.link.open(limit);
    if (!this.isSettled) this.send(session);
  }

  protected override expire(): void {
    if (this.isSettled) return;
    super.expire();
    if (!this.session) return;
    const { heardAt, isStuck } = this.session.stream;
    // Nothing at all has come: it may hang.
    if (isStuck || heardAt < this.startedAt) this.parts.link.forget(this.session);
  }

  protected override settle(): void {
    super.settle();
    this.session?.stream.drop(this.id);
  }

  private send(session: StdioSession): void {
    const { stream, era } = session;
    const id = this.parts.link.nextId();
    if (!stream.expect(id, this)) return this.ended();
    this.session = session;
    this.id = id;
    if (stream.send(lineFor(this.request, era, id))) {
      this.askedAs = String(id);
      return;
    }
    stream.drop(id);
    this.failed(new MemberBusyError(), true);
  }

  /** Its end is told at the same moment: there is another session by then, or none. */
  private ended(): void {
    if (!this.wasReopened) return this.reopen();
    this.giveUp(new MemberNotStartedError('its process ends as soon as it is started'), 'error');
  }

  protected override reopen(): void {
    this.wasReopened = true;
    this.attempt();
  }
}

/** All callers share one stream: ids and progress tokens are given here, in either era. */
function lineFor(request: MemberRequest, era: Era, id: number): Buffer {
  const bytes = requestFor(request, era, id);
  if (era === 'legacy') return bytes;
  const { raw, places } = parseMessage(bytes);
  const own = Buffer.from(String(id));
  const edits = [places.id, places.progressToken].flatMap((place) => (place ? [{ ...place, bytes: own }] : []));
  return applyEdits(raw, edits);
}
