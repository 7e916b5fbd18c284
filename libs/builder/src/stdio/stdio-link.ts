import { type ComposerError, isObject } from '#kernel';
import type { Log } from '#observability';
import { type StdioServerConfig, stdioCommandOf } from '#registry';
import { MemberBusyError, MemberClosedError, asComposerError } from '../builder.errors.js';
import { faultOf } from '../mcp/handshake.js';
import { OWN_META } from '../mcp/mcp-protocol.js';
import { type MemberMessage, listChangeOf, textAt } from '../mcp/member-message.js';
import type { MessageStreamLink, StreamSession } from '../mcp/message-stream.js';
import { ownAnswerTo } from '../mcp/own-answer.js';
import { type OwnAnswer, askOn } from '../mcp/own-question.js';
import { type ServerFacts, factsIn } from '../mcp/server-facts.js';
import type { ListKind } from '../member-offer.js';
import type { Deadlines } from '../wire/deadlines.js';
import { TimeLimit } from '../wire/time-limit.js';
import { type Agreement, agreeOnEra } from './agree-on-era.js';
import type { MemberProcesses } from './member-processes.js';
import { RestartRest } from './restart-rest.js';
import { StdioStream } from './stdio-stream.js';
import { MemberEndedError, MemberNotStartedError, MemberRestingError } from './stdio.errors.js';

/** A process with which an era is agreed on. */
export interface StdioSession extends StreamSession, Agreement {
  readonly stream: StdioStream;
}

export interface StdioLinkParts {
  readonly config: StdioServerConfig;
  readonly processes: MemberProcesses;
  readonly deadlines: Deadlines;
  readonly log: Log;
  readonly noteListChanged: (list: ListKind) => void;
  /** A process that ends is started anew without waiting for a call: what the member tells of its own accord is not missed. */
  readonly staysOpen: boolean;
}

/** For a process that answers, whoever asked for it first: others join in with limits of their own. */
const OPENING_MS = 15_000;
/** A process that has said something so lately is slow, and not dead. */
const SILENT_MS = 4_000;

/**
 * The composer's side of one MCP member over stdio: one process, shared by all calls of its tenant. Started when it is
 * first needed, and again when it has ended: at once after the first time, ever more slowly while it does not live long.
 */
export class StdioLink implements MessageStreamLink<StdioSession> {
  private session: StdioSession | undefined;
  private opening: Promise<StdioSession> | undefined;
  private openedAt = 0;
  private readonly rest = new RestartRest();
  private readonly streams = new Set<StdioStream>();
  private cancelReopening: (() => void) | undefined;
  private lastId = 0;
  /** It ended when it was asked for the modern era: some do that to whoever does not begin with a handshake. */
  private wantsHandshake = false;
  private isEnded = false;

  constructor(private readonly parts: StdioLinkParts) {}

  /** The open session: the way of almost every call, without a promise. */
  peek(): StdioSession | undefined {
    return this.session;
  }

  get isBusy(): boolean {
    return this.opening !== undefined || (this.session?.stream.isBusy ?? false);
  }

  /** The open session, or a new one. Rejects with a `ComposerError` that says why there is none. */
  async open(limit: TimeLimit): Promise<StdioSession> {
    if (this.session) return this.session;
    if (this.isEnded) throw new MemberClosedError();
    const leftMs = limit.left();
    const restMs = this.rest.leftMs();
    if (!this.opening && restMs > Math.min(leftMs, OPENING_MS)) throw new MemberRestingError(restMs);
    this.opening ??= this.begin(new TimeLimit(OPENING_MS)).finally(() => (this.opening = undefined));
    return limit.waitFor(this.opening, this.parts.deadlines);
  }

  /** A process that has said nothing for a while is replaced; what waits for it goes on waiting. */
  forget({ stream }: StdioSession): void {
    if (performance.now() - stream.heardAt < SILENT_MS) return;
    if (this.session?.stream === stream) this.session = undefined;
    stream.retire();
  }

  nextId(): number {
    return ++this.lastId;
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

  /** Tells the member something; whether it takes it does not matter. */
  async tell({ stream }: StdioSession, message: Record<string, unknown>): Promise<void> {
    stream.send(bytesOf(message));
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
      this.wantsHandshake = false;
      this.rest.note(0);
      throw error instanceof MemberEndedError ? new MemberNotStartedError(error.message, error) : error;
    }
  }

  private async agree(limit: TimeLimit): Promise<StdioSession> {
    const stream = await this.start();
    try {
      const agreement = await agreeOnEra(
        {
          ask: (method, params) => this.askIn(stream, { method, params }, limit),
          tell: (message) => void stream.send(bytesOf(message)),
          deadlines: this.parts.deadlines,
          log: this.parts.log,
        },
        this.wantsHandshake,
      );
      if (this.isEnded) throw new MemberClosedError();
      if (stream.isClosed) throw new MemberEndedError('its process ended as soon as it was asked');
      this.openedAt = performance.now();
      return (this.session = { stream, ...agreement });
    } catch (error) {
      const hasEnded = error instanceof MemberEndedError;
      void stream.close();
      if (!hasEnded || this.wantsHandshake || this.isEnded) throw error;
      this.wantsHandshake = true;
      return this.agree(limit);
    }
  }

  private async start(): Promise<StdioStream> {
    const { config, processes, deadlines, log } = this.parts;
    const command = await stdioCommandOf(config);
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
      const list = listChangeOf(textAt(message.raw, message.places.get('method')));
      if (list) this.parts.noteListChanged(list);
      return;
    }
    const answer = ownAnswerTo(message);
    if (answer) stream.send(bytesOf(answer));
  }

  private broke(stream: StdioStream, error: ComposerError): void {
    if (this.session?.stream !== stream) return;
    this.session = undefined;
    this.rest.note(performance.now() - this.openedAt);
    this.parts.log.warn('the process of a member is over', { err: error });
    this.reopenLater();
  }

  private rested(): Promise<void> {
    const restMs = this.rest.leftMs();
    if (restMs === 0) return Promise.resolve();
    return new Promise((resolve) => void this.parts.deadlines.add(restMs, resolve));
  }

  private reopenLater(): void {
    if (!this.parts.staysOpen || this.isEnded || this.cancelReopening) return;
    this.cancelReopening = this.parts.deadlines.add(this.rest.leftMs(), () => {
      this.cancelReopening = undefined;
      this.open(new TimeLimit(OPENING_MS)).catch((error: unknown) => {
        this.parts.log.debug('a member could not be started again', { err: asComposerError(error) });
        this.reopenLater();
      });
    });
  }
}

function bytesOf(message: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
}
