import type { RequestPatch } from '#auth';
import { type ComposerError, isObject } from '#kernel';
import { MemberClosedError, MemberTimeoutError, asComposerError, refusalOf } from '../builder.errors.js';
import { replyFailure } from '../failure-text.js';
import type { ForwardedMethod, MemberReply, MemberRequest, RunningCall } from '../member.js';
import { METHOD_NOT_FOUND } from '../mcp/mcp-protocol.js';
import type { OperationRequest, OperationResponse } from '../openapi/index.js';
import { applyPatch, forwarded, passCookies, patchFor } from '../wire/request-head.js';
import { outcomeOf, retryDelay, wasNeverSent } from '../wire/retry.js';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import type { WireCallParts } from './call-parts.js';

/** What a call of one tool is in HTTP. */
export interface RequestTool {
  /** Throws a `ComposerError` with a message for the model if the arguments do not fit. */
  requestFor(args: Readonly<Record<string, unknown>>): OperationRequest;
  /** A `CallToolResult`. Throws a `ComposerError` if the answer is none of this kind of service. */
  resultOf(answer: OperationResponse): object;
}

/** One `tools/call` that becomes one HTTP request to a service. */
export class RequestToolCall implements ExchangeListener, RunningCall {
  private request!: OperationRequest;
  private exchange: WireExchange | undefined;
  private patch: RequestPatch | undefined;
  private clearDeadline: (() => void) | undefined;
  private answerHead: AnswerHead | undefined;
  private isRefusal = false;
  private wasRenewed = false;
  private isSettled = false;
  private tries = 0;

  constructor(
    protected readonly parts: WireCallParts,
    private readonly tool: RequestTool,
    protected readonly call: MemberRequest,
    protected readonly reply: MemberReply,
  ) {}

  start(): void {
    if (this.call.method !== this.method) {
      this.settle();
      return this.reply.protocolError(METHOD_NOT_FOUND, `Method not found: ${this.call.method}`);
    }
    const args = this.call.message.params['arguments'] ?? {};
    if (!isObject(args)) {
      this.settle();
      return this.reply.protocolError(-32602, 'Invalid params: arguments must be an object');
    }
    try {
      this.request = this.tool.requestFor(args);
    } catch (error) {
      this.settle();
      return this.refuse(asComposerError(error));
    }
    this.clearDeadline = this.parts.deadlines.add(this.parts.timeoutSeconds * 1000, () => this.expire());
    this.attempt();
  }

  cancel(): void {
    if (this.isSettled) return;
    this.settle();
    this.exchange?.stop();
  }

  breakOff(): void {
    this.exchange?.stop();
    this.giveUp(new MemberClosedError());
  }

  head(head: AnswerHead): BodyForm {
    const { credential } = this.parts;
    this.answerHead = head;
    passCookies(this.patch!, head.headers, this.request.path);
    this.isRefusal = credential.judgeHead(this.patch!, head);
    return 'whole';
  }

  body(body: Buffer): void {
    if (this.isSettled) return;
    this.isRefusal ||= this.parts.credential.judgeBody(this.patch!, this.answerHead!, body);
    if (this.isRefusal && !this.wasRenewed) return this.renew(body);
    this.finish(body, this.answerHead!);
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
    this.giveUp(error);
  }

  /** What is asked for in this way. */
  protected readonly method: ForwardedMethod = 'tools/call';

  /** The arguments do not fit. 2025-11-25, tools: what a model can mend is a tool error, so that it reads it. */
  protected refuse({ message, code }: ComposerError): void {
    this.reply.failed(message, code);
  }

  /** How an answer is told. Throws a `ComposerError` if it is none of this kind of service. */
  protected tellerOf(answer: OperationResponse): () => void {
    const result = this.tool.resultOf(answer);
    return () => this.reply.result(result);
  }

  private attempt(): void {
    if (this.isSettled) return;
    this.tries++;
    const patch = this.parts.credential.peek();
    if (patch) return this.send(patch);
    this.parts.credential.get().then(
      (asked) => this.isSettled || this.send(asked),
      (error: unknown) => this.giveUp(asComposerError(error)),
    );
  }

  private send(patch: RequestPatch): void {
    const { headers, forwardHeaders, pool } = this.parts;
    const { method, path: wanted, headers: own, body = null } = this.request;
    this.patch = patch;
    const passed = forwardHeaders.length > 0 ? forwarded(forwardHeaders, this.call.headers) : {};
    const all = { 'accept-encoding': 'identity', ...headers, ...passed, ...own };
    const [path, list] = applyPatch(wanted, all, patchFor(patch, method, wanted));
    this.exchange = new WireExchange(this, { isBodiless: method === 'HEAD' });
    pool.dispatch({ method, path, headers: list, body }, this.exchange);
  }

  /** The service has refused the credential and done nothing else (RFC 9110, 15.5.2): with a fresh one it may be asked again. */
  private renew(refusal: Buffer): void {
    this.wasRenewed = true;
    const refused = this.answerHead!;
    this.parts.credential.renew(this.patch!, refused).then(
      (fresh) => {
        if (this.isSettled) return;
        if (fresh) this.send(fresh);
        else this.finish(refusal, refused);
      },
      (error: unknown) => this.giveUp(asComposerError(error)),
    );
  }

  private finish(body: Buffer, { status, statusText, contentType, headers }: AnswerHead): void {
    // A page that asks for a login is no result, whatever its status.
    if (this.isRefusal && status < 300) return this.giveUp(refusalOf(status, headers['www-authenticate']));
    let tell: () => void;
    try {
      tell = this.tellerOf({ status, statusText, contentType, body });
    } catch (error) {
      return this.giveUp(asComposerError(error));
    }
    this.settle();
    this.note(this.isRefusal ? 'auth_required' : status >= 500 ? 'error' : 'ok');
    tell();
  }

  private expire(): void {
    if (this.isSettled) return;
    this.exchange?.stop();
    this.giveUp(new MemberTimeoutError(this.parts.timeoutSeconds));
  }

  private giveUp(error: ComposerError): void {
    if (this.isSettled) return;
    this.settle();
    this.note(outcomeOf(error));
    replyFailure(this.reply, this.parts.memberName, error);
  }

  private note(outcome: ReturnType<typeof outcomeOf>): void {
    const { credential, noteOutcome } = this.parts;
    noteOutcome(outcome, credential.isPersonal ? this.call.principalId : undefined);
  }

  private settle(): void {
    this.isSettled = true;
    this.clearDeadline?.();
    // One that still waits for a socket would keep its body until it gets one.
    if (this.exchange) this.parts.pool.withdraw(this.exchange);
    this.parts.done(this);
  }
}
