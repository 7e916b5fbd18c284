import type { RequestPatch } from '#auth';
import type { ComposerError, PrincipalId } from '#kernel';
import {
  MemberClosedError,
  MemberProtocolError,
  MemberTimeoutError,
  asComposerError,
  refusalOf,
} from '../builder.errors.js';
import { replyFailure } from '../failure-text.js';
import type { MessageId } from '../json-rpc/json-rpc.errors.js';
import type { Span } from '../json-rpc/json-scan.js';
import type { MemberOutcome, RunningCall, ToolCall, ToolReply } from '../member.js';
import type { CallParts } from '../members/call-parts.js';
import { forwarded, passCookies } from '../wire/request-head.js';
import { TimeLimit } from '../wire/time-limit.js';
import { outcomeOf, retryDelay, wasNeverSent } from '../wire/retry.js';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import { notificationFor, requestFor, responseFor } from './answer-translation.js';
import { decoded } from './control-request.js';
import type { McpLink, McpSession } from './mcp-link.js';
import { METHOD_NOT_FOUND, encodeHeader } from './mcp-protocol.js';
import { type MemberMessage, isSessionLost, readMemberMessage, textAt } from './member-message.js';

export interface HttpCallParts extends CallParts {
  readonly link: McpLink;
  /** The member said, to a caller, that it offers other tools than before. */
  readonly noteListChanged: (to?: PrincipalId) => void;
}

/** How long a member may keep a stream open behind its answer: ending it itself saves the connection. */
const LINGER_MS = 1_000;

/**
 * One `tools/call` at an MCP member. Sends the caller's bytes with only the name, the id and the era changed, and gives
 * the answer's bytes back the same way. A refused credential is renewed once, a lost session opened once, and a
 * connection that never came about is tried again: nothing else is, because the member may have acted already.
 */
export class HttpToolCall implements ExchangeListener, RunningCall {
  private exchange: WireExchange | undefined;
  private session: McpSession | undefined;
  private patch: RequestPatch | undefined;
  private clearDeadline: (() => void) | undefined;
  private stopLingering: (() => void) | undefined;
  private answerHead: AnswerHead | undefined;
  private askedAs = '';
  private isRefusal = false;
  private isSettled = false;
  private isStreaming = false;
  private passesThrough = false;
  private wasRenewed = false;
  private wasReopened = false;
  private tries = 0;

  constructor(
    private readonly parts: HttpCallParts,
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
    this.exchange?.stop();
    this.tellCancelled('the caller cancelled the request');
  }

  breakOff(): void {
    if (this.isSettled) return;
    this.exchange?.stop();
    this.tellCancelled('the connection is closed');
    this.giveUp(new MemberClosedError(), 'unknown');
  }

  head(head: AnswerHead): BodyForm {
    const { credential, link } = this.parts;
    this.answerHead = head;
    passCookies(this.patch!, head.headers, link.path);
    this.isRefusal = credential.refuses(head);
    if (!this.isRefusal && head.status < 400) credential.noteAccepted(this.patch!);
    const isStream = head.status === 200 && head.contentType.startsWith('text/event-stream');
    if (!isStream) return 'whole';
    if (!this.passesThrough) return 'events';
    this.isStreaming = true;
    this.reply.openStream();
    this.reply.onDrain(() => this.exchange?.resume());
    return 'pieces';
  }

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
      return this.answer(message, 200);
    }
    if (message.kind === 'request') return this.refuse(message);
    if (textAt(data, message.places.get('method')) === '"notifications/tools/list_changed"')
      this.parts.noteListChanged(this.call.principalId);
    const { raw, places } = this.call.message;
    const token = places.progressToken && raw.subarray(places.progressToken.start, places.progressToken.end);
    const bytes = notificationFor(message, this.call.era, token);
    if (!bytes || !this.reply.takesEvents) return;
    this.openStream();
    this.reply.event([bytes]);
  }

  body(body: Buffer): void {
    const { status, contentType } = this.answerHead!;
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
    if (message.kind === 'response') return this.answer(message, status);
    this.giveUp(new MemberProtocolError('it answered with a message that is no answer'), 'error');
  }

  end(): void {
    this.stopLingering?.();
    if (this.isStreaming && this.passesThrough) return this.finish(() => this.reply.endStream());
    if (this.isSettled) return;
    this.giveUp(
      new MemberProtocolError('it ended its answer without a result; whether it carried the call out is not known'),
      'error',
    );
  }

  fail(error: ComposerError, isUnsent: boolean): void {
    this.stopLingering?.();
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

  private send(session: McpSession, patch: RequestPatch): void {
    const { link, pool, forwardHeaders } = this.parts;
    const { call } = this;
    this.session = session;
    this.patch = patch;
    this.passesThrough = session.era === 'modern' && call.era === 'modern' && this.reply.takesPieces;
    const id = session.era === 'legacy' ? link.nextId() : 0;
    this.askedAs = session.era === 'legacy' ? String(id) : textAt(call.message.raw, call.message.places.id)!;
    const more = forwardHeaders.length > 0 ? forwarded(forwardHeaders, call.headers) : {};
    if (session.era === 'modern') this.addModernHeaders(more);
    const [path, headers] = link.head(session, more, patch);
    const exchange = new WireExchange(this);
    this.exchange = exchange;
    pool.dispatch({ method: 'POST', path, headers, body: requestFor(call, session.era, id) }, exchange);
  }

  /** Revision 2026-07-28, transports: routing headers of a request, and the parameters that a tool mirrors into headers. */
  private addModernHeaders(headers: Record<string, string>): void {
    headers['mcp-method'] = 'tools/call';
    headers['mcp-name'] = encodeHeader(this.call.tool);
    for (const name in this.call.headers) {
      const value = this.call.headers[name];
      if (name.startsWith('mcp-param-') && typeof value === 'string') headers[name] = value;
    }
  }

  private read(raw: Buffer): MemberMessage | undefined {
    try {
      return readMemberMessage(raw);
    } catch (error) {
      this.giveUp(asComposerError(error), 'error');
      return undefined;
    }
  }

  private answer(message: MemberMessage, status: number): void {
    const context = { askedAs: this.askedAs, callerId: this.reply.id, callerEra: this.call.era };
    const answered = responseFor(message, context);
    if (answered.kind === 'stranger') {
      return this.giveUp(
        new MemberProtocolError('it answered another request than the one that it was asked'),
        'error',
      );
    }
    if (answered.kind === 'input-required') {
      return this.giveUp(
        new MemberProtocolError('it asks for input that this client cannot give; use a client of revision 2026-07-28'),
        'ok',
      );
    }
    const bytes = this.passesThrough ? message.raw : answered.bytes;
    this.finish(() => this.reply.message([bytes], this.call.era === 'modern' ? status : 200));
  }

  /** The composer declared no capabilities to this member, so the only thing it may ask is whether anybody is there. */
  private refuse({ raw, places }: MemberMessage): void {
    const id = idAt(raw, places.get('id')!);
    const isPing = textAt(raw, places.get('method')) === '"ping"';
    const answer = isPing ? { result: {} } : { error: { code: METHOD_NOT_FOUND, message: 'Method not found' } };
    if (this.session && id !== undefined) void this.parts.link.tell(this.session, { id, ...answer });
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

  /** Once, and only a session that the member has named. */
  private mayReopen(): boolean {
    return this.session!.isNamed && !this.wasReopened;
  }

  /** The member has forgotten the session (`isSessionLost`) and has not looked at the call. */
  private reopen(): void {
    this.wasReopened = true;
    this.parts.link.forget(this.session!);
    this.attempt();
  }

  private openStream(): void {
    if (this.isStreaming) return;
    this.isStreaming = true;
    this.reply.openStream();
  }

  private expire(): void {
    this.exchange?.stop();
    this.tellCancelled('the call took longer than it may');
    this.giveUp(new MemberTimeoutError(this.parts.timeoutSeconds), 'timeout');
  }

  private tellCancelled(reason: string): void {
    if (this.session?.era !== 'legacy' || !this.askedAs) return;
    const params = { requestId: Number(this.askedAs), reason };
    void this.parts.link.tell(this.session, { method: 'notifications/cancelled', params });
  }

  private giveUp(error: ComposerError, outcome: MemberOutcome): void {
    if (this.isSettled) return;
    this.settle();
    this.exchange?.stop();
    this.note(outcome);
    // A stream that was passed on piece by piece may have stopped in the middle of an event.
    if (this.passesThrough && this.isStreaming) return this.reply.endUnanswered();
    replyFailure(this.reply, this.parts.memberName, error);
  }

  private finish(write: () => void): void {
    if (this.isSettled) return;
    this.settle();
    this.note('ok');
    write();
  }

  private note(outcome: MemberOutcome): void {
    const { credential, noteOutcome } = this.parts;
    noteOutcome(outcome, credential.isPersonal ? this.call.principalId : undefined);
  }

  private settle(): void {
    this.isSettled = true;
    this.clearDeadline?.();
    // What still waits for a connection would keep its body in memory.
    if (this.exchange) this.parts.pool.withdraw(this.exchange);
    this.parts.done(this);
  }
}

/** Undefined for what is no id of a request (2025-11-25, base protocol): nothing could be answered to it. */
function idAt(raw: Buffer, { start, end }: Span): MessageId | undefined {
  try {
    const id: unknown = JSON.parse(raw.toString('utf8', start, end));
    return typeof id === 'string' || typeof id === 'number' ? id : undefined;
  } catch {
    return undefined;
  }
}
