import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import { type ComposerError, isObject } from '#kernel';
import type { Log } from '#observability';
import { MemberClosedError, MemberProtocolError, asComposerError, refusalOf } from '../builder.errors.js';
import { type ControlAnswer, sendControl } from '../mcp/control-request.js';
import type { ClientFlag } from '../client-facts.js';
import { agreedVersion, faultOf, initializeWith } from '../mcp/handshake.js';
import type { MemberMessage } from '../mcp/member-message.js';
import {
  type AccountBound,
  type OwnMessage,
  type TellOptions,
  type Told,
  bytesOf,
  isOf,
  isStillOf,
  openAsNow,
} from '../mcp/member-link.js';
import { ownAnswerTo } from '../mcp/own-answer.js';
import { type ServerFacts, factsIn } from '../mcp/server-facts.js';
import type { LinkListener, MessageStreamLink, StreamHolder, StreamSession } from '../mcp/message-stream.js';
import { type OwnAnswer, askOn } from '../mcp/own-question.js';
import type { MemberCredential } from '../member-credential.js';
import type { Deadlines } from '../wire/deadlines.js';
import { type HeaderList, applyPatch, passCookies, patchFor } from '../wire/request-head.js';
import { outcomeOf } from '../wire/retry.js';
import { TimeLimit } from '../wire/time-limit.js';
import type { AnswerHead } from '../wire/wire-exchange.js';
import { SseStream } from './sse-stream.js';
import { SessionLostError, isLost } from './sse.errors.js';

/** A stream on which the handshake is done. */
export interface SseSession extends StreamSession, AccountBound {
  /** What the member said of itself in the handshake. */
  readonly facts: ServerFacts;
  readonly stream: SseStream;
  /** Headers of every message within it. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface SseLinkParts {
  readonly endpoint: URL;
  /** Static headers of the configuration, under lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** For messages. */
  readonly pool: EgressPool;
  /** For streams: each keeps a connection for itself, and may be silent for hours. */
  readonly streams: EgressPool;
  /** The one that the stream and the composer's own messages carry now. */
  readonly credential: () => MemberCredential;
  readonly deadlines: Deadlines;
  readonly log: Log;
  readonly listener: LinkListener<SseSession>;
  /** What the member may ask in the session. */
  readonly declares: readonly ClientFlag[];
}

type Refusal = AnswerHead & { readonly isRefusal: boolean };

const BASE_HEADERS = { 'content-type': 'application/json', accept: '*/*', 'accept-encoding': 'identity' };
const STREAM_HEADERS = { accept: 'text/event-stream', 'cache-control': 'no-store', 'accept-encoding': 'identity' };
/** For a session, whoever asked for it first: others join in with limits of their own. */
const OPENING_MS = 15_000;
const TELLING_MS = 2_000;
/** Answers of the composer's own that may be under way: a member that asks and asks is not answered for ever. */
const MAX_TELLING = 16;
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** A stream that has lived shorter broke for the same reason as the one before. */
const STEADY_MS = 10_000;

/** The composer's side of one MCP member over HTTP+SSE (2024-11-05): one stream, one session. */
export class SseLink implements MessageStreamLink<SseSession> {
  private session: SseSession | undefined;
  /** The one whose handshake is under way: the member may ask as soon as it is told that it is done. */
  private agreed: SseSession | undefined;
  private holder: StreamHolder | undefined;
  private opening: Promise<SseSession> | undefined;
  private openedAt = 0;
  private breaks = 0;
  private cancelReopening: (() => void) | undefined;
  private telling = 0;
  private lastId = 0;
  private isEnded = false;
  private readonly path: string;

  constructor(private readonly parts: SseLinkParts) {
    this.path = parts.endpoint.pathname + parts.endpoint.search;
  }

  /** The open session: the way of almost every call, without a promise. */
  peek(): SseSession | undefined {
    return this.session;
  }

  get isBusy(): boolean {
    return this.opening !== undefined || (this.session?.stream.isBusy ?? false);
  }

  hold(holder: StreamHolder | undefined): void {
    this.holder = holder;
  }

  /** The open session, or a new one. Rejects with a `ComposerError` that says why there is none. */
  async open(limit: TimeLimit): Promise<SseSession> {
    if (this.session) return this.session;
    if (this.isEnded) throw new MemberClosedError();
    limit.left();
    this.opening ??= this.agree(new TimeLimit(OPENING_MS)).finally(() => (this.opening = undefined));
    return limit.waitFor(this.opening, this.parts.deadlines);
  }

  /** The session is not to be used any more; what waits on its stream goes on waiting. */
  forget(session: SseSession): void {
    if (this.session === session) this.session = undefined;
    session.stream.retire();
  }

  /** What is stored of credentials has changed: a stream that was opened with one that is no more is given up. */
  async review(): Promise<void> {
    const { session } = this;
    if (!session) return;
    if ((await isStillOf(session, this.parts.credential())) || this.session !== session) return;
    this.restart();
  }

  restart(): void {
    if (this.session) this.forget(this.session);
    this.reopenLater();
  }

  /** An id that no other request of this link has. */
  nextId(): number {
    return ++this.lastId;
  }

  head(
    session: SseSession,
    more: Readonly<Record<string, string>>,
    patch: RequestPatch,
  ): [path: string, headers: HeaderList] {
    const { path } = session.stream;
    const headers = { ...BASE_HEADERS, ...this.parts.headers, ...session.headers, ...more };
    return applyPatch(path, headers, patchFor(patch, 'POST', path));
  }

  /** Asks the member something; gives the result as it came. A lost session is opened anew, once. */
  async ask(
    method: string,
    params: Record<string, unknown>,
    limit: TimeLimit,
  ): Promise<{ result: Record<string, unknown>; raw: Buffer }> {
    const session = await openAsNow(this, this.parts.credential(), limit);
    let answer: OwnAnswer;
    try {
      answer = await this.askIn(session, { method, params }, limit);
    } catch (error) {
      if (!(error instanceof SessionLostError)) throw error;
      this.forget(session);
      answer = await this.askIn(await this.open(limit), { method, params }, limit);
    }
    const { value, raw } = answer;
    if (isObject(value['result'])) return { result: value['result'], raw };
    throw faultOf(method, value['error'], this.parts.log);
  }

  async describe(limit: TimeLimit): Promise<ServerFacts> {
    return (await openAsNow(this, this.parts.credential(), limit)).facts;
  }

  async tell(
    session: SseSession,
    message: Told,
    { headers, withinMs = TELLING_MS }: TellOptions = {},
  ): Promise<boolean> {
    // What was asked of the member is bounded already: every cancellation reaches it.
    const isAnswer = !('method' in message);
    if (isAnswer && this.telling >= MAX_TELLING) return false;
    if (isAnswer) this.telling++;
    try {
      if (!isOf(session, await this.parts.credential().get())) return false;
      await this.post(session, { message, headers, limit: new TimeLimit(withinMs) });
      return true;
    } catch (error) {
      this.parts.log.debug('a message to the member was lost', { err: error });
      return false;
    } finally {
      if (isAnswer) this.telling--;
    }
  }

  /** Closes the stream, and opens no other. */
  end(): void {
    this.isEnded = true;
    this.cancelReopening?.();
    const { session } = this;
    this.session = undefined;
    session?.stream.close(new MemberClosedError());
  }

  private async agree(limit: TimeLimit): Promise<SseSession> {
    const stream = await this.openStream(limit);
    try {
      const { account } = stream;
      const bare: SseSession = { era: 'legacy', stream, headers: {}, account, facts: { capabilities: {} } };
      const { value } = await this.askIn(bare, initializeWith(this.parts.declares), limit);
      const headers = { 'mcp-protocol-version': agreedVersion(value, this.parts.log) };
      const session: SseSession = { era: 'legacy', stream, headers, account, facts: factsIn(value['result']) };
      this.agreed = session;
      await this.post(session, { message: { method: 'notifications/initialized' }, limit });
      if (this.isEnded) throw new MemberClosedError();
      // It may have broken meanwhile; `expect` tells, and so does its end.
      this.session = session;
      this.openedAt = performance.now();
      this.parts.listener.opened(session);
      return session;
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  /** A refused credential is renewed once, if its strategy can. */
  private async openStream(limit: TimeLimit): Promise<SseStream> {
    const credential = this.parts.credential();
    const patch = await credential.get();
    let { stream, refusal } = await this.tryStream(credential, patch, limit);
    const fresh = refusal?.isRefusal ? await credential.renew(patch, refusal) : undefined;
    if (fresh) ({ stream, refusal } = await this.tryStream(credential, fresh, limit));
    if (!refusal) return stream;
    const { status, headers, isRefusal } = refusal;
    if (isRefusal || status === 401 || status === 403) throw refusalOf(status, headers['www-authenticate']);
    throw new MemberProtocolError(
      `it answered HTTP ${status} and no event stream: is this its address for HTTP+SSE, and not for Streamable HTTP?`,
    );
  }

  private async tryStream(
    credential: MemberCredential,
    patch: RequestPatch,
    limit: TimeLimit,
  ): Promise<{ stream: SseStream; refusal?: Refusal }> {
    const stream: SseStream = new SseStream({
      endpoint: this.parts.endpoint,
      pool: this.parts.streams,
      onOther: (message) => this.heard(stream, message),
      onOver: (error) => this.broke(stream, error),
    });
    const clear = this.parts.deadlines.add(limit.left(), () => stream.close(limit.passed()));
    const wanted = { ...STREAM_HEADERS, ...this.parts.headers };
    try {
      const [path, headers] = applyPatch(this.path, wanted, patchFor(patch, 'GET', this.path));
      const head = await stream.open(path, headers, patch);
      if (head) return { stream, refusal: { ...head, isRefusal: credential.refuses(head) } };
      credential.noteAccepted(patch);
      return { stream };
    } catch (error) {
      stream.close();
      throw error;
    } finally {
      clear();
    }
  }

  private askIn(
    session: SseSession,
    message: { readonly method: string; readonly params: unknown },
    limit: TimeLimit,
  ): Promise<OwnAnswer> {
    const id = this.nextId();
    return askOn(session.stream, {
      id,
      method: message.method,
      limit,
      deadlines: this.parts.deadlines,
      send: () => this.post(session, { message: { id, ...message }, limit }),
      over: () => new SessionLostError(),
    });
  }

  /** A refused credential is renewed once, if its strategy can. */
  private async post(session: SseSession, own: OwnMessage): Promise<void> {
    const credential = this.parts.credential();
    const patch = await credential.get();
    let answer = await this.postWith(session, patch, own);
    if (answer.isRefusal) {
      const fresh = await credential.renew(patch, answer);
      if (fresh) answer = await this.postWith(session, fresh, own);
    }
    const { status, headers, isRefusal } = answer;
    if (isRefusal || status === 401 || status === 403) throw refusalOf(status, headers['www-authenticate']);
    if (isLost(status, answer.text)) throw new SessionLostError();
    if (status >= 300) throw new MemberProtocolError(`it answered HTTP ${status} to a message`);
  }

  private async postWith(
    session: SseSession,
    patch: RequestPatch,
    { message, limit, headers: more = {} }: OwnMessage,
  ): Promise<ControlAnswer> {
    const { pool, deadlines } = this.parts;
    const [path, headers] = this.head(session, more, patch);
    const body = bytesOf(message);
    const answer = await sendControl(pool, deadlines, { method: 'POST', path, headers, body, timeoutMs: limit.left() });
    passCookies(patch, answer.headers, session.stream.path);
    const credential = this.parts.credential();
    if (credential.refuses(answer)) return { ...answer, isRefusal: true };
    if (answer.status < 400) credential.noteAccepted(patch);
    return answer;
  }

  private heard(stream: SseStream, message: MemberMessage): void {
    if (message.kind === 'notification') {
      this.parts.listener.heard(message);
      this.holder?.told(message);
      return;
    }
    const session = [this.session, this.agreed].find((known) => known?.stream === stream);
    if (!session) return;
    if (this.holder) return this.holder.asked(message, (answer, options) => this.tell(session, answer, options));
    const answer = ownAnswerTo(message);
    if (answer) void this.tell(session, answer);
  }

  private broke(stream: SseStream, error: ComposerError): void {
    if (this.session?.stream !== stream) return;
    this.session = undefined;
    this.breaks = performance.now() - this.openedAt < STEADY_MS ? this.breaks + 1 : 0;
    this.parts.log.debug('the stream of the member broke', { err: error });
    this.reopenLater();
  }

  private reopenLater(): void {
    if (!this.parts.listener.staysOpen || this.isEnded || this.cancelReopening) return;
    const restMs = Math.min(FIRST_REST_MS * 2 ** this.breaks, LONGEST_REST_MS) * (0.5 + Math.random() / 2);
    this.cancelReopening = this.parts.deadlines.add(restMs, () => {
      this.cancelReopening = undefined;
      this.open(new TimeLimit(OPENING_MS)).catch((error: unknown) => {
        // Without a credential it stays closed until somebody calls.
        if (outcomeOf(asComposerError(error)) === 'auth_required') return;
        this.breaks++;
        this.reopenLater();
      });
    });
  }
}
