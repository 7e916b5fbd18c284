import type { RequestPatch } from '#auth';
import type { ComposerError, PrincipalId } from '#kernel';
import { MemberBusyError, asComposerError, refusalOf } from '../builder.errors.js';
import type { WireCallParts } from '../members/call-parts.js';
import { type HeaderList, passCookies } from '../wire/request-head.js';
import { outcomeOf } from '../wire/retry.js';
import type { TimeLimit } from '../wire/time-limit.js';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import { ForwardedRequest, type ForwardedParts } from './forwarded-request.js';
import { type AccountBound, isOf } from './member-link.js';

export interface PostedParts<Session extends AccountBound> extends ForwardedParts<Session>, WireCallParts {}

interface Posting {
  readonly head: [path: string, headers: HeaderList];
  readonly body: Buffer | null;
  /** `POST` unless given. */
  readonly method?: 'GET';
  /** The credential that is in the head. */
  readonly patch: RequestPatch;
  /** The path before the credential was put on it: cookies are of this one. */
  readonly to: string;
  /** Milliseconds of silence in the answer, 0 for any; as the pool has it unless given. */
  readonly silenceMs?: number;
}

/** A request that is posted over HTTP, with a credential. A refused one is renewed once. */
export abstract class PostedRequest<
  Session extends AccountBound,
  Parts extends PostedParts<Session> = PostedParts<Session>,
>
  extends ForwardedRequest<Session, Parts>
  implements ExchangeListener
{
  protected exchange: WireExchange | undefined;
  protected answerHead: AnswerHead | undefined;
  protected isRefusal = false;
  protected wasRenewed = false;
  protected patch: RequestPatch | undefined;
  private path = '';

  head(head: AnswerHead): BodyForm {
    const { credential } = this.parts;
    this.answerHead = head;
    passCookies(this.patch!, head.headers, this.path);
    this.isRefusal = credential.judgeHead(this.patch!, head);
    return this.formOf(head);
  }

  abstract body(body: Buffer): void;
  abstract end(): void;

  fail(error: ComposerError, isUnsent: boolean): void {
    this.failed(error, isUnsent);
  }

  /** Sends the request in this session with this credential, by `post`. */
  protected abstract send(session: Session, patch: RequestPatch): void;

  protected formOf(_head: AnswerHead): BodyForm {
    return 'whole';
  }

  protected override get usedBy(): PrincipalId | undefined {
    return this.parts.credential.isPersonal ? this.request.principalId : undefined;
  }

  protected override sendAtOnce(): boolean {
    const session = this.parts.link.peek();
    const patch = this.parts.credential.peek();
    if (!session || !patch || !isOf(session, patch)) return false;
    this.send(session, patch);
    return true;
  }

  protected override async prepareAndSend(limit: TimeLimit): Promise<void> {
    let ready = await this.ready(limit);
    if (!isOf(ready.session, ready.patch)) {
      this.parts.link.forget(ready.session);
      ready = await this.ready(limit);
      if (!isOf(ready.session, ready.patch)) throw new MemberBusyError(); // accounts change faster than sessions open
    }
    if (!this.isSettled) this.send(ready.session, ready.patch);
  }

  protected post({ head, body, patch, to, method, silenceMs }: Posting): void {
    const [path, headers] = head;
    this.patch = patch;
    this.path = to;
    const exchange = new WireExchange(this);
    this.exchange = exchange;
    const silence = silenceMs === undefined ? {} : { bodyTimeout: silenceMs };
    this.parts.pool.dispatch({ method: method ?? 'POST', path, headers, body, ...silence }, exchange);
  }

  private async ready(limit: TimeLimit): Promise<{ session: Session; patch: RequestPatch }> {
    const { link, credential } = this.parts;
    const [session, patch] = await Promise.all([link.open(limit), credential.get()]);
    return { session, patch };
  }

  /** The whole answer has come: a page is judged only now. */
  protected judge(body: Buffer): void {
    this.isRefusal ||= this.parts.credential.judgeBody(this.patch!, this.answerHead!, body);
  }

  protected renew(): void {
    this.wasRenewed = true;
    this.parts.credential.renew(this.patch!, this.answerHead).then(
      (fresh) => {
        if (this.isSettled) return;
        if (!fresh) return this.giveUp(this.refusal(), 'auth_required');
        if (isOf(this.session!, fresh)) this.send(this.session!, fresh);
        else this.attempt();
      },
      (error: unknown) => this.giveUp(asComposerError(error), outcomeOf(asComposerError(error))),
    );
  }

  protected refusal(): ComposerError {
    const { status, headers } = this.answerHead!;
    return refusalOf(status, headers['www-authenticate']);
  }

  protected override settle(): void {
    super.settle();
    // What still waits for a connection would keep its body in memory.
    if (this.exchange) this.parts.pool.withdraw(this.exchange);
  }
}
