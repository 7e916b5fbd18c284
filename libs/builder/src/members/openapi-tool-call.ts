import type { RequestPatch } from '#auth';
import { type ComposerError, isObject } from '#kernel';
import { MemberClosedError, MemberTimeoutError, asComposerError } from '../builder.errors.js';
import { failureText } from '../failure-text.js';
import type { RunningCall, ToolCall, ToolReply } from '../member.js';
import { type OpenApiOperation, buildRequest, toToolResult } from '../openapi/index.js';
import { applyPatch, forwarded } from '../wire/request-head.js';
import { outcomeOf, retryDelay, wasNeverSent } from '../wire/retry.js';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import type { CallParts } from './call-parts.js';

export interface OpenApiCallParts extends CallParts {
  readonly base: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Takes known secrets out of a text. */
  readonly mask: (text: string) => string;
}

type Built = ReturnType<typeof buildRequest>;

/** One `tools/call` that becomes one HTTP request to a service. */
export class OpenApiToolCall implements ExchangeListener, RunningCall {
  private request!: Built;
  private exchange: WireExchange | undefined;
  private patch: RequestPatch | undefined;
  private clearDeadline: (() => void) | undefined;
  private answerHead: AnswerHead | undefined;
  private wasRenewed = false;
  private isSettled = false;
  private tries = 0;

  constructor(
    private readonly parts: OpenApiCallParts,
    private readonly operation: OpenApiOperation,
    private readonly call: ToolCall,
    private readonly reply: ToolReply,
  ) {}

  start(): void {
    const args = this.call.message.params['arguments'] ?? {};
    if (!isObject(args)) {
      this.settle();
      return this.reply.protocolError(-32602, 'Invalid params: arguments must be an object');
    }
    try {
      this.request = buildRequest(this.operation, args, this.parts.base);
    } catch (error) {
      this.settle();
      // 2025-11-25, tools: what a model can mend is a tool error, so that it reads it.
      return this.reply.toolError(asComposerError(error).message);
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
    this.answerHead = head;
    return 'whole';
  }

  body(body: Buffer): void {
    if (this.isSettled) return;
    const { status, statusText, contentType } = this.answerHead!;
    if (status === 401 && !this.wasRenewed) return this.renew(body);
    this.finish(body, { status, statusText, contentType });
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
    this.patch = patch;
    const passed = forwardHeaders.length > 0 ? forwarded(forwardHeaders, this.call.headers) : {};
    const all = { 'accept-encoding': 'identity', ...headers, ...passed, ...this.request.headers };
    const [path, list] = applyPatch(this.request.path, all, patch);
    this.exchange = new WireExchange(this);
    pool.dispatch({ method: this.request.method, path, headers: list, body: this.request.body ?? null }, this.exchange);
  }

  /** The service has refused the credential and done nothing else (RFC 9110, 15.5.2): with a fresh one it may be asked again. */
  private renew(refusal: Buffer): void {
    this.wasRenewed = true;
    const refused = this.answerHead!;
    this.parts.credential.renew(this.patch!).then(
      (fresh) => {
        if (this.isSettled) return;
        if (fresh) this.send(fresh);
        else this.finish(refusal, refused);
      },
      (error: unknown) => this.giveUp(asComposerError(error)),
    );
  }

  private finish(body: Buffer, head: Pick<AnswerHead, 'status' | 'statusText' | 'contentType'>): void {
    this.settle();
    this.parts.noteOutcome(head.status === 401 ? 'auth_required' : head.status >= 500 ? 'error' : 'ok');
    this.reply.result(toToolResult({ ...head, body }, this.parts.mask));
  }

  private expire(): void {
    if (this.isSettled) return;
    this.exchange?.stop();
    this.giveUp(new MemberTimeoutError(this.parts.timeoutSeconds));
  }

  private giveUp(error: ComposerError): void {
    if (this.isSettled) return;
    this.settle();
    this.parts.noteOutcome(outcomeOf(error));
    this.reply.toolError(failureText(this.parts.memberName, error));
  }

  private settle(): void {
    this.isSettled = true;
    this.clearDeadline?.();
    // One that still waits for a socket would keep its body until it gets one.
    if (this.exchange) this.parts.pool.withdraw(this.exchange);
    this.parts.done(this);
  }
}
