import { randomUUID } from 'node:crypto';
import type { ComposerError, PrincipalId } from '#kernel';
import {
  InputMissingError,
  MemberClosedError,
  MemberProtocolError,
  MemberTimeoutError,
  asComposerError,
} from '../builder.errors.js';
import { replyFailure, replyPageRequired } from '../failure-text.js';
import type { Era, MemberOutcome, MemberReply, MemberRequest, RunningCall } from '../member.js';
import type { CallParts } from '../members/call-parts.js';
import { CallTime } from '../wire/call-time.js';
import { outcomeOf, retryDelay, wasNeverSent } from '../wire/retry.js';
import { TimeLimit } from '../wire/time-limit.js';
import { notificationFor, responseFor } from './answer-translation.js';
import { decoded } from './control-request.js';
import { InputRound } from './input-round.js';
import { isHeard } from './heard.js';
import { MISSING_TASKS } from './extensions.js';
import { TaskFollowing } from './task-following.js';
import { takingTasks, wantsTasks } from './wanted-tasks.js';
import type { MemberLink } from './member-link.js';
import { type MemberMessage, textAt } from './member-message.js';
import { MemberQuestions, type Teller } from './member-questions.js';

export interface ForwardedParts<Session> extends CallParts {
  readonly link: MemberLink<Session>;
  /** Told once, when the request is over: whether the member has nothing of it left to do. */
  readonly release?: (isClean: boolean) => void;
}

/** As the official SDK has it: how often a member of the modern era may ask within one call. */
const MAX_ROUNDS = 8;

/**
 * One request at an MCP member, whatever the transport, from its start to its one answer. A lost session is opened anew
 * once, and a connection that never came about is tried again: nothing else is, because the member may have acted
 * already. A transport says how the request is sent, and hands over what comes back.
 */
export abstract class ForwardedRequest<
  Session,
  Parts extends ForwardedParts<Session> = ForwardedParts<Session>,
> implements RunningCall {
  protected session: Session | undefined;
  /** The id under which the member was asked, as JSON text; empty as long as it was not. */
  protected askedAs = '';
  protected isSettled = false;
  protected isStreaming = false;
  /** The caller gets the member's bytes as they come. */
  protected passesThrough = false;
  protected wasReopened = false;
  private readonly time: CallTime;
  private tries = 0;
  private round: InputRound | undefined;
  private rounds = 0;
  private questions: MemberQuestions | undefined;
  private isDone = false;
  private following: TaskFollowing | undefined;

  constructor(
    protected readonly parts: Parts,
    protected request: MemberRequest,
    protected readonly reply: MemberReply,
  ) {
    this.time = new CallTime({
      deadlines: parts.deadlines,
      onExpired: () => this.expire(),
      onUnanswered: () => this.leaveUnanswered(),
    });
  }

  start(): void {
    this.begin();
  }

  cancel(): void {
    if (this.isSettled) return;
    this.settle();
    this.stop();
    this.tellCancelled('the caller cancelled the request');
  }

  breakOff(): void {
    if (this.isSettled) return;
    this.stop();
    this.tellCancelled('the connection is closed');
    this.giveUp(new MemberClosedError(), 'unknown');
  }

  /** Sends the request if all that it needs is at hand. False: nothing was done. */
  protected abstract sendAtOnce(): boolean;
  /** Gets what is missing, and sends the request unless it is settled meanwhile. Rejects if that cannot be had. */
  protected abstract prepareAndSend(limit: TimeLimit): Promise<void>;

  /** Breaks off what is under way on the transport. */
  protected stop(): void {
    // Not every transport has something that could be broken off.
  }

  /** Of the session in which the member was asked. */
  protected get memberEra(): Era {
    return 'legacy';
  }

  /** Whether people may be waited for; `noteAnswered` follows once nobody is. */
  protected mayAsk(): boolean {
    return true;
  }

  protected noteAnswered(): void {
    // Not every transport bounds it.
  }

  protected get isAsking(): boolean {
    return this.questions?.isAsking ?? false;
  }

  /** Who is told how the member was, where it was used with a credential of the caller's own. */
  protected get usedBy(): PrincipalId | undefined {
    return undefined;
  }

  protected attempt(): void {
    if (this.isSettled) return;
    this.tries++;
    if (!this.sendAtOnce()) void this.prepare();
  }

  /** The member has forgotten the session, and has not looked at the request. */
  protected reopen(): void {
    this.wasReopened = true;
    this.parts.link.forget(this.session!);
    this.attempt();
  }

  protected answered(message: MemberMessage, status = 200): void {
    if (this.isSettled) return;
    const { method, target, client } = this.request;
    const { era } = client;
    const { askedAs, memberEra } = this;
    const takesTasks = era === 'modern' && method === 'tools/call' && client.capabilities.includes('extensions.tasks');
    const context = { askedAs, callerId: this.reply.id, callerEra: era, memberEra, method, target, takesTasks };
    const answered = responseFor(message, context);
    if (answered.kind === 'stranger') {
      const what = 'it answered another request than the one that it was asked';
      return this.giveUp(new MemberProtocolError(what), 'error');
    }
    if (this.following) {
      this.stop();
      return this.following.answered(message);
    }
    if (answered.kind === 'page-required') {
      const { page } = answered;
      return this.finish(() => replyPageRequired(this.reply, this.parts.memberName, page));
    }
    if (answered.kind === 'task') return this.follow(message);
    if (answered.kind === 'input-required') return this.askCaller(decoded(message.raw)?.['result']);
    if (wantsTasks(message, this.request, memberEra)) return this.askAgain(takingTasks(this.request));
    const bytes = this.passesThrough ? message.raw : answered.bytes;
    this.finish(() => this.reply.message([bytes], era === 'modern' ? status : 200));
  }

  /** The member asks something within this request. */
  protected asks(message: MemberMessage, tell: Teller): void {
    this.questions ??= this.newQuestions();
    this.questions.take(message, tell);
  }

  /** The member tells something where no request is named, and none but this can be meant. */
  told(message: MemberMessage): void {
    const method = textAt(message.raw, message.places.get('method'));
    if (method === '"notifications/cancelled"') this.questions?.takeBack(message);
    if (method === '"notifications/message"' || method === '"notifications/elicitation/complete"') this.passOn(message);
  }

  /** Gives the caller what the member tells it besides the answer. */
  protected passOn(message: MemberMessage): void {
    if (this.isSettled || !this.reply.takesEvents || !isHeard(message, this.request.logLevel)) return;
    const { raw, places } = this.request.message;
    const token = places.progressToken && raw.subarray(places.progressToken.start, places.progressToken.end);
    const bytes = notificationFor(message, { callerEra: this.request.client.era, memberEra: this.memberEra }, token);
    if (!bytes) return;
    if (!this.isStreaming) this.reply.openStream();
    this.isStreaming = true;
    this.reply.event([bytes]);
  }

  /** @param isUnsent certainly no byte of the request has left */
  protected failed(error: ComposerError, isUnsent: boolean): void {
    if (this.isSettled) return;
    if (wasNeverSent(error, isUnsent) && this.tries <= this.parts.retries) {
      this.parts.deadlines.add(retryDelay(this.tries), () => this.attempt());
      return;
    }
    this.giveUp(error, outcomeOf(error));
  }

  protected expire(): void {
    this.stop();
    this.tellCancelled('the call took longer than it may');
    this.giveUp(new MemberTimeoutError(this.parts.timeoutSeconds), 'timeout');
  }

  protected tellCancelled(reason: string): void {
    if (!this.session || !this.askedAs) return;
    const params = { requestId: Number(this.askedAs), reason };
    void this.parts.link.tell(this.session, { method: 'notifications/cancelled', params });
  }

  protected giveUp(error: ComposerError, outcome: MemberOutcome): void {
    if (this.isSettled) return;
    this.settle();
    this.stop();
    this.parts.noteOutcome(outcome, this.usedBy);
    // A stream that was passed on piece by piece may have stopped in the middle of an event.
    if (this.passesThrough && this.isStreaming) return this.reply.endUnanswered();
    replyFailure(this.reply, this.parts.memberName, error);
  }

  protected finish(write: () => void): void {
    if (this.isSettled) return;
    this.isDone = true;
    this.settle();
    this.parts.noteOutcome('ok', this.usedBy);
    write();
  }

  protected settle(): void {
    this.isSettled = true;
    this.round?.withdraw();
    this.questions?.end();
    this.time.stop();
    this.parts.release?.(this.isDone);
    this.parts.done(this);
    this.following?.stop();
  }

  private begin(): void {
    this.time.begin(this.parts.timeoutSeconds * 1000);
    this.tries = 0;
    this.attempt();
  }

  private leaveUnanswered(): void {
    if (this.isAsking) {
      this.stop();
      this.tellCancelled('nobody answered what was asked');
    }
    this.giveUp(new InputMissingError('nobody gave it in time'), 'ok');
  }

  /** While people are asked the member waits, and its time rests. */
  private newQuestions(): MemberQuestions {
    const { reply } = this;
    return new MemberQuestions({
      memberName: this.parts.memberName,
      client: this.request.client,
      reply,
      onAsk: () => {
        if (!this.mayAsk()) return false;
        this.time.rest();
        return true;
      },
      onAnswered: () => {
        this.noteAnswered();
        this.time.goOn();
      },
      onUntold: () => this.giveUp(new MemberProtocolError('it did not take the answer to its question'), 'error'),
    });
  }

  /** Meanwhile the member has nothing to do: how long it may take begins anew with the answers. */
  private askCaller(result: unknown): void {
    const { memberName } = this.parts;
    const { request, reply } = this;
    this.stop();
    if (this.memberEra !== 'modern' || ++this.rounds > MAX_ROUNDS) {
      return this.giveUp(new MemberProtocolError('it asks for input, again and again'), 'error');
    }
    this.time.rest();
    this.round = new InputRound({
      memberName,
      request,
      reply,
      nextId: JSON.stringify(`composer-${randomUUID()}`),
      complete: (message) => {
        this.request = { ...request, message };
        this.begin();
      },
      fail: (error) => this.giveUp(error, error instanceof MemberProtocolError ? 'error' : 'ok'),
    });
    this.round.begin(result);
  }

  /** A caller of the legacy era gets what comes of the task; one of the modern era has to say that it takes tasks. */
  private follow(message: MemberMessage): void {
    const { request, reply } = this;
    if (request.client.era === 'modern') {
      const { code, message: text, data } = MISSING_TASKS;
      return this.finish(() => reply.protocolError(code, text, data));
    }
    this.stop();
    this.following = new TaskFollowing({
      call: takingTasks(request),
      reply,
      deadlines: this.parts.deadlines,
      send: (next) => this.askAgain(next),
      ask: (update, inputRequests) => {
        this.request = update;
        this.askCaller({ inputRequests });
      },
      finish: (answer) => this.finish(answer),
      fail: (error) => this.giveUp(error, 'error'),
      abandon: (cancel) => this.parts.aside(cancel),
    });
    this.following.begin(message);
  }

  private askAgain(request: MemberRequest): void {
    this.stop();
    this.request = request;
    this.attempt();
  }

  private async prepare(): Promise<void> {
    try {
      await this.prepareAndSend(new TimeLimit(this.parts.timeoutSeconds * 1000));
    } catch (error) {
      this.failed(asComposerError(error), true);
    }
  }
}
