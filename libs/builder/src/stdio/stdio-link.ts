import { type ComposerError, isObject } from '#kernel';
import type { Log } from '#observability';
import { type StdioServerConfig, stdioCommandOf } from '#registry';
import { MemberBusyError, MemberClosedError, asComposerError } from '../builder.errors.js';
import type { ClientFlag } from '../client-facts.js';
import { faultOf } from '../mcp/handshake.js';
import { type Told, bytesOf } from '../mcp/member-link.js';
import type { MemberMessage } from '../mcp/member-message.js';
import type { LinkListener, MessageStreamLink, StreamHolder, StreamSession } from '../mcp/message-stream.js';
import { ownAnswerTo } from '../mcp/own-answer.js';
import { OWN_META } from '../mcp/own-meta.js';
import { type OwnAnswer, askOn } from '../mcp/own-question.js';
import { type ServerFacts, factsIn } from '../mcp/server-facts.js';
import type { Deadlines } from '../wire/deadlines.js';
import { TimeLimit } from '../wire/time-limit.js';
import { type Agreement, agreeOnEra } from './agree-on-era.js';
import type { MemberProcesses } from './member-processes.js';
import type { StdioHabits } from './stdio-habits.js';
import { StdioStream } from './stdio-stream.js';
import { MemberEndedError, MemberNotStartedError, MemberRestingError, TooManyProcessesError } from './stdio.errors.js';

/** A process with which an era is agreed on. */
export interface StdioSession extends StreamSession, Agreement {
  readonly stream: StdioStream;
}

export interface StdioLinkParts {
  readonly config: StdioServerConfig;
  readonly processes: MemberProcesses;
  readonly deadlines: Deadlines;
  readonly log: Log;
  readonly listener: LinkListener<StdioSession>;
  /** Shared by all links of the member. */
  readonly habits: StdioHabits;
  /** What the member may ask of whom it is started for. */
  readonly declares: readonly ClientFlag[];
  /** The link of the composer's own; absent in that one. A member of the modern era needs no other. */
  readonly own?: StdioLink;
}

/** For a process that answers, whoever asked for it first: others join in with limits of their own. */
const OPENING_MS = 15_000;
/** A process that has said something so lately is slow, and not dead. */
const SILENT_MS = 4_000;

/**
 * The composer's side of one MCP member over stdio: one process. Started when it is first needed, and again when it has
 * ended: at once after the first time, ever more slowly while it does not live long.
 */
export class StdioLink implements MessageStreamLink<StdioSession> {
  private session: StdioSession | undefined;
  private opening: Promise<StdioSession> | undefined;
  private openedAt = 0;
  private readonly streams = new Set<StdioStream>();
  private cancelReopening: (() => void) | undefined;
  private holder: StreamHolder | undefined;
  private isEnded = false;

  constructor(private readonly parts: StdioLinkParts) {}

  /** The open session: the way of almost every call, without a promise. */
  peek(): StdioSession | undefined {
    const { own, habits } = this.parts;
    return own && habits.era === 'modern' ? own.peek() : this.session;
  }

  hold(holder: StreamHolder | undefined): void {
    this.holder = holder;
  }

  get isBusy(): boolean {
    return this.opening !== undefined || (this.session?.stream.isBusy ?? false);
  }

  /** The open session, or a new one. Rejects with a `ComposerError` that says why there is none. */
  async open(limit: TimeLimit): Promise<StdioSession> {
    const { own, habits } = this.parts;
    if (own && habits.era !== 'legacy') {
      const session = await own.open(limit);
      habits.era = session.era;
      if (session.era === 'modern') return session;
    }
    if (this.session) return this.session;
    if (this.isEnded) throw new MemberClosedError();
    const leftMs = limit.left();
    const restMs = habits.rest.leftMs();
    if (!this.opening && restMs > Math.min(leftMs, OPENING_MS)) throw new MemberRestingError(restMs);
    this.opening ??= this.begin(new TimeLimit(OPENING_MS)).finally(() => (this.opening = undefined));
    return limit.waitFor(this.opening, this.parts.deadlines);
  }

  /** A process that is stuck, or has said nothing for a while, is replaced; what waits for it goes on waiting. */
  forget(session: StdioSession): void {
    const { stream } = session;
    const { own } = this.parts;
    if (own?.peek() === session) return own.forget(session);
    if (!stream.isStuck && performance.now() - stream.heardAt < SILENT_MS) return;
    if (this.session === session) this.session = undefined;
    stream.retire();
  }

  restart(): void {
    const { session } = this;
    this.session = undefined;
    void session?.stream.close();
    this.reopenLater();
  }

  nextId(): number {
    return this.parts.habits.nextId();
  }

  /** Asks the member something; gives the result as it came. */
  async ask(
    method: string,
    params: Record<string, unknown>,
    limit: TimeLimit,
  ): Promise<{ result: Record<string, unknown>; raw: Buffer }> {
    const { stream, era } = await this.open(limit);
    const own = era === 'modern' ? { ...params, _meta: OWN_META } : params;
    const { value, raw } = await this.askIn(stream, { method, params: own }, limit);
    if (isObject(value['result'])) return { result: value['result'], raw };
    throw faultOf(method, value['error'], this.parts.log);
  }

  async describe(limit: TimeLimit): Promise<ServerFacts> {
    const before = this.session;
    const session = await this.open(limit);
    if (session.era === 'legacy' || session !== before) return session.facts;
    return factsIn((await this.ask('server/discover', {}, limit)).result);
  }

  async tell({ stream }: Pick<StdioSession, 'stream'>, message: Told): Promise<boolean> {
    return stream.send(bytesOf(message));
  }

  /** Ends every process of this link, and starts no other. Resolves when they are over. */
  async end(): Promise<void> {
    this.isEnded = true;
    this.cancelReopening?.();
    this.session = undefined;
    await Promise.all([...this.streams].map((stream) => stream.close(new MemberClosedError())));
  }

  private async begin(limit: TimeLimit): Promise<StdioSession> {
    await this.rested();
    try {
      return await this.agree(limit);
    } catch (error) {
      const { habits } = this.parts;
      habits.wantsHandshake = false;
      habits.era = undefined;
      // That there is no room for it says nothing of it.
      if (!(error instanceof TooManyProcessesError)) habits.rest.note(0);
      throw error instanceof MemberEndedError ? new MemberNotStartedError(error.message, error) : error;
    }
  }

  private async agree(limit: TimeLimit): Promise<StdioSession> {
    const stream = await this.start();
    const { habits, declares, deadlines, log } = this.parts;
    try {
      const agreement = await agreeOnEra(
        {
          ask: (method, params) => this.askIn(stream, { method, params }, limit),
          tell: (message) => void stream.send(bytesOf(message)),
          declares,
          deadlines,
          log,
        },
        habits.wantsHandshake || (this.parts.own !== undefined && habits.era === 'legacy'),
      );
      if (this.isEnded) throw new MemberClosedError();
      if (stream.isClosed) throw new MemberEndedError('its process ended as soon as it was asked');
      this.openedAt = performance.now();
      habits.era = agreement.era;
      const session = { stream, ...agreement };
      this.session = session;
      this.parts.listener.opened(session);
      return session;
    } catch (error) {
      const hasEnded = error instanceof MemberEndedError;
      void stream.close();
      if (!hasEnded || habits.wantsHandshake || this.isEnded) throw error;
      habits.wantsHandshake = true;
      return this.agree(limit);
    }
  }

  private async start(): Promise<StdioStream> {
    const { config, processes, deadlines, log } = this.parts;
    const command = await stdioCommandOf(config);
    await processes.makeRoom();
    if (this.isEnded) throw new MemberClosedError();
    const process = processes.start({ command, deadlines, log, onGone: () => void this.streams.delete(stream) });
    const stream: StdioStream = new StdioStream({
      process,
      log,
      onOther: (message) => this.heard(stream, message),
      onOver: (error) => this.broke(stream, error),
    });
    this.streams.add(stream);
    log.debug('a member was started', { pid: process.pid });
    return stream;
  }

  private askIn(
    stream: StdioStream,
    question: { readonly method: string; readonly params: unknown },
    limit: TimeLimit,
  ): Promise<OwnAnswer> {
    const id = this.nextId();
    return askOn(stream, {
      id,
      method: question.method,
      limit,
      deadlines: this.parts.deadlines,
      send: async () => {
        if (!stream.send(bytesOf({ id, ...question }))) throw new MemberBusyError();
      },
      over: () => new MemberEndedError('its process ended before it was asked'),
    });
  }

  private heard(stream: StdioStream, message: MemberMessage): void {
    if (message.kind === 'notification') {
      this.parts.listener.heard(message);
      this.holder?.told(message);
      return;
    }
    if (this.holder) return this.holder.asked(message, (answer) => this.tell({ stream }, answer));
    const answer = ownAnswerTo(message);
    if (answer) stream.send(answer);
  }

  private broke(stream: StdioStream, error: ComposerError): void {
    if (this.session?.stream !== stream) return;
    this.session = undefined;
    this.parts.habits.rest.note(performance.now() - this.openedAt);
    this.parts.log.warn('the process of a member is over', { err: error });
    this.reopenLater();
  }

  private rested(): Promise<void> {
    const restMs = this.parts.habits.rest.leftMs();
    if (restMs === 0) return Promise.resolve();
    return new Promise((resolve) => void this.parts.deadlines.add(restMs, resolve));
  }

  private reopenLater(): void {
    if (!this.parts.listener.staysOpen || this.isEnded || this.cancelReopening) return;
    this.cancelReopening = this.parts.deadlines.add(this.parts.habits.rest.leftMs(), () => {
      this.cancelReopening = undefined;
      this.open(new TimeLimit(OPENING_MS)).catch((error: unknown) => {
        this.parts.log.debug('a member could not be started again', { err: asComposerError(error) });
        this.reopenLater();
      });
    });
  }
}
