import type { RequestPatch } from '#auth';
import { EgressUnreachableError } from '#egress';
import type { ComposerError } from '#kernel';
import { MemberProtocolError, asComposerError } from '../builder.errors.js';
import type { Era } from '../member.js';
import type { StreamMarks } from '../wire/event-stream-reader.js';
import { forwarded, patchFor } from '../wire/request-head.js';
import { outcomeOf } from '../wire/retry.js';
import type { AnswerHead, BodyForm } from '../wire/wire-exchange.js';
import { requestFor } from './answer-translation.js';
import { decoded } from './control-request.js';
import type { AskingCalls } from './asking-calls.js';
import type { McpLink } from './mcp-link.js';
import type { McpSession } from './mcp-session.js';
import { encodeHeader } from './mcp-protocol.js';
import { type MemberMessage, isSessionLost, listChangeOf, readMemberMessage, textAt } from './member-message.js';
import { ANSWERING_MS } from './member-questions.js';
import type { StreamHolder, StreamTeller } from './message-stream.js';
import { mirroringHeaders } from './mirrored-params.js';
import { type PostedParts, PostedRequest } from './posted-request.js';

export interface HttpRequestParts extends PostedParts<McpSession> {
  readonly link: McpLink;
  /** Calls of this member in which people are asked: each keeps a connection. */
  readonly asking: AskingCalls;
}

/** A member may end the stream of its answer, and have the composer come back for the rest (2025-11-25, transports). */
const MAX_RESUMPTIONS = 100;
const DEFAULT_RETRY_MS = 1_000;
const SHORTEST_RETRY_MS = 100;

/** How long a member may keep a stream open behind its answer: ending it itself saves the connection. */
const LINGER_MS = 1_000;

/**
 * One request at an MCP member over Streamable HTTP. Sends the caller's bytes with only the target, the id and the era
 * changed, and gives the answer's bytes back the same way.
 */
export class HttpForwardedRequest extends PostedRequest<McpSession, HttpRequestParts> implements StreamHolder {
  private stopLingering: (() => void) | undefined;
  private marks: StreamMarks = {};
  private resumptions = 0;
  private idleResumptions = 0;
  private resuming: NodeJS.Timeout | undefined;

  piece(piece: Buffer): boolean {
    return this.isSettled || this.reply.piece(piece);
  }

  event(data: Buffer): void {
    if (this.isSettled) return;
    const message = this.read(data);
    if (!message) return;
    if (message.kind === 'response') {
      const { exchange } = this;
      this.stopLingering = this.parts.deadlines.add(LINGER_MS, () => exchange?.stop());
      return this.answered(message);
    }
    // 2026-07-28, transports: there are no such requests.
    if (message.kind === 'request') {
      const { session } = this;
      if (session?.era === 'legacy')
        this.asked(message, (answer, options) => this.parts.link.tell(session, answer, options));
      return;
    }
    const method = textAt(data, message.places.get('method'));
    const list = listChangeOf(method);
    if (list) this.parts.noteListChanged(this.request.principalId, list);
    if (method === '"notifications/cancelled"') return this.told(message);
    this.passOn(message);
    // It belongs on the stream of the session; some members tell it here.
    this.parts.link.sessionStream?.tell(message);
  }

  /** The member asks on the stream of the answer, or in the session where only this call can be meant. */
  asked(message: MemberMessage, tell: StreamTeller): void {
    const headers = forwarded(this.parts.forwardHeaders, this.request.headers);
    this.asks(message, (answer) => tell(answer, { headers, withinMs: ANSWERING_MS }));
  }

  body(body: Buffer): void {
    const { status, contentType } = this.answerHead!;
    // What was asked for is under way: it is never asked for a second time.
    if (this.resumptions > 0) return this.giveUp(unanswered(), 'error');
    this.judge(body);
    if (this.isRefusal && !this.wasRenewed) return this.renew();
    if (this.isRefusal || status === 401 || status === 403) return this.giveUp(this.refusal(), 'auth_required');
    if (status >= 400 && this.mayReopen() && isSessionLost(status, decoded(body))) return this.reopen();
    if (!contentType.startsWith('application/json')) {
      return this.giveUp(
        new MemberProtocolError(`it answered HTTP ${status} and no JSON-RPC message`),
        status >= 500 ? 'error' : 'ok',
      );
    }
    const message = this.read(body);
    if (!message) return;
    if (message.kind === 'response') return this.answered(message, status);
    this.giveUp(new MemberProtocolError('it answered with a message that is no answer'), 'error');
  }

  end(): void {
    this.stopLingering?.();
    if (this.isStreaming && this.passesThrough) return this.finish(() => this.reply.endStream());
    if (this.isSettled || this.resumeLater()) return;
    this.giveUp(unanswered(), 'error');
  }

  override fail(error: ComposerError, isUnsent: boolean): void {
    this.stopLingering?.();
    if (error instanceof EgressUnreachableError && this.resumeLater()) return;
    if (this.resumptions > 0) return this.giveUp(error, outcomeOf(error));
    super.fail(error, isUnsent);
  }

  protected override formOf({ status, contentType }: AnswerHead): BodyForm {
    const isStream = status === 200 && contentType.startsWith('text/event-stream');
    if (!isStream) return 'whole';
    if (!this.passesThrough) return 'events';
    this.isStreaming = true;
    this.reply.openStream();
    this.reply.onDrain(() => this.exchange?.resume());
    return 'pieces';
  }

  protected override send(session: McpSession, patch: RequestPatch): void {
    const { link, forwardHeaders } = this.parts;
    const { request } = this;
    const isLegacy = session.era === 'legacy';
    this.session = session;
    this.passesThrough = !isLegacy && request.client.era === 'modern' && this.reply.takesPieces;
    const id = isLegacy ? link.nextId() : 0;
    this.askedAs = isLegacy ? String(id) : textAt(request.message.raw, request.message.places.id)!;
    const more = forwarded(forwardHeaders, request.headers);
    if (!isLegacy) this.addModernHeaders(more);
    this.post({
      head: link.head(session, more, patch),
      body: requestFor(request, session.era, id),
      patch,
      to: link.path,
      ...this.patience,
    });
  }

  override start(): void {
    this.parts.link.hold(this);
    super.start();
  }

  protected override mayAsk(): boolean {
    return this.parts.asking.add(this);
  }

  protected override noteAnswered(): void {
    this.parts.asking.remove(this);
  }

  protected override get memberEra(): Era {
    return this.session!.era;
  }

  protected override stop(): void {
    this.exchange?.stop();
  }

  /** Revision 2026-07-28, transports: a stream that is closed has cancelled its request. */
  protected override tellCancelled(reason: string): void {
    if (this.session?.era === 'legacy') super.tellCancelled(reason);
  }

  /** Revision 2026-07-28, transports: routing headers of a request, and the parameters that a tool mirrors into headers. */
  private addModernHeaders(headers: Record<string, string>): void {
    const { method, target, mirrored = [], message } = this.request;
    headers['mcp-method'] = method;
    if (method !== 'completion/complete') headers['mcp-name'] = encodeHeader(target);
    if (mirrored.length > 0) Object.assign(headers, mirroringHeaders(mirrored, message.params['arguments']));
  }

  protected override settle(): void {
    super.settle();
    clearTimeout(this.resuming);
    this.parts.link.release(this);
  }

  /** A stream may be silent as long as people take to answer: the time of the call bounds it. */
  private get patience(): { readonly silenceMs?: number } {
    const mayBeAsked = this.session!.era === 'legacy' && this.request.client.capabilities.length > 0;
    return mayBeAsked ? { silenceMs: 0 } : {};
  }

  /** False if the member has not said how to come back. */
  private resumeLater(): boolean {
    if (this.isSettled || this.session?.era !== 'legacy' || this.idleResumptions >= MAX_RESUMPTIONS) return false;
    this.marks = { ...this.marks, ...this.exchange?.marks };
    const { lastEventId, retryMs = DEFAULT_RETRY_MS } = this.marks;
    if (lastEventId === undefined) return false;
    this.resumptions++;
    // A member may come and go while it waits for people.
    if (!this.isAsking) this.idleResumptions++;
    this.openStreamForWaiting();
    // A tick of the deadlines would be too coarse: a member may count on the time that it has named.
    this.resuming = setTimeout(() => this.resume(lastEventId), Math.max(retryMs, SHORTEST_RETRY_MS));
    return true;
  }

  /** Where the member makes the composer come back for its answer, the caller gets a stream that it can come back to. */
  private openStreamForWaiting(): void {
    if (this.isStreaming || this.request.client.era === 'modern' || !this.reply.takesEvents) return;
    this.isStreaming = true;
    this.reply.openStream();
  }

  private resume(lastEventId: string): void {
    if (this.isSettled) return;
    const { link } = this.parts;
    const patch = this.patch!;
    const head = link.head(this.session!, { 'last-event-id': lastEventId }, patchFor(patch, 'GET', link.path));
    this.post({ method: 'GET', head, body: null, patch, to: link.path, ...this.patience });
  }

  private read(raw: Buffer): MemberMessage | undefined {
    try {
      return readMemberMessage(raw);
    } catch (error) {
      this.giveUp(asComposerError(error), 'error');
      return undefined;
    }
  }

  /** Once, and only a session that the member has named. */
  private mayReopen(): boolean {
    return this.session!.isNamed && !this.wasReopened;
  }
}

function unanswered(): MemberProtocolError {
  return new MemberProtocolError('it ended its answer without a result; whether it carried the call out is not known');
}
