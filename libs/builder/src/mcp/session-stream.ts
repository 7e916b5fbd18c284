import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import type { Log } from '#observability';
import { MemberBusyError } from '../builder.errors.js';
import type { MemberCredential } from '../member-credential.js';
import type { Deadlines } from '../wire/deadlines.js';
import { patchFor } from '../wire/request-head.js';
import type { TimeLimit } from '../wire/time-limit.js';
import type { AnswerHead } from '../wire/wire-exchange.js';
import { ListenStream } from './listen-stream.js';
import type { McpLink } from './mcp-link.js';
import type { McpSession } from './mcp-session.js';
import { isOf } from './member-link.js';
import type { MemberMessage } from './member-message.js';

export interface SessionStreamParts {
  readonly link: McpLink;
  readonly pool: EgressPool;
  /** For streams of sessions in which calls go, and for nothing else: each keeps a connection. */
  readonly streams?: EgressPool;
  readonly credential: () => MemberCredential;
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** Whoever hears of a session what nobody has asked for. */
export interface SessionListener {
  heard(message: MemberMessage): void;
  /** A stream that it has heard is over, and it did not leave. */
  over(): void;
}

/** Of one member: its other sessions do without. */
export const MAX_STREAMS = 64;
/** By then the request has arrived, and a member that keeps its head back has the stream all the same. */
const OPENING_MS = 500;
/** A stream that breaks is not opened anew more often for calls, in milliseconds. */
const REST_MS = 1_000;
/** Members that have no such stream say so with one of these (2025-11-25, transports: 405). */
const HAS_NONE = new Set([400, 404, 405, 501]);

/**
 * The one stream of a session on which a member says what it does not say on the stream of an answer (2025-11-25,
 * transports). Servers are told to ask on the latter what belongs to a call; many ask here all the same. Lists and resources
 * that change are told here. It is open while somebody listens, or because members may ask.
 */
export class SessionStream {
  private stream: ListenStream | undefined;
  private opening: Promise<AnswerHead | undefined> | undefined;
  private listener: SessionListener | undefined;
  private openedAt = -Infinity;
  private hasNone = false;
  private isClosed = false;

  constructor(
    private readonly parts: SessionStreamParts,
    private readonly session: McpSession,
  ) {}

  /** Whether it is open, or there is room for it. */
  get hasRoom(): boolean {
    const { streams } = this.parts;
    if (this.stream || !streams) return true;
    const { running, queued } = streams.load;
    return running + queued < MAX_STREAMS;
  }

  /**
   * Opens it for calls, if what they cause may be told here and it is not open. Resolves when the member has been asked for
   * it, whatever it says; never rejects.
   */
  async open(): Promise<void> {
    const { deadlines, log } = this.parts;
    if (!this.isForCalls || this.hasNone || this.opening || this.stream || !this.hasRoom) return;
    if (performance.now() - this.openedAt < REST_MS) return;
    const opening = this.openNow().then(
      (refused) => void (this.hasNone = refused !== undefined && HAS_NONE.has(refused.status)),
      (error: unknown) => log.debug('a member cannot be listened to within a session', { err: error }),
    );
    await new Promise<void>((resolve) => {
      const clear = deadlines.add(OPENING_MS, resolve);
      void opening.then(resolve).finally(clear);
    });
  }

  /**
   * Tells the listener what comes from now on; there is one at a time. Resolves when the stream is open, or with the head of
   * an answer that is none; rejects if neither came. Then nothing is told.
   */
  async hear(listener: SessionListener, patch: RequestPatch, limit: TimeLimit): Promise<AnswerHead | undefined> {
    if (this.isClosed || !this.hasRoom) throw new MemberBusyError();
    this.listener = listener;
    try {
      const isOpen = this.stream && !this.opening;
      const refused = isOpen
        ? undefined
        : await limit.waitFor(this.opening ?? this.openNow(patch), this.parts.deadlines);
      if (this.listener !== listener) throw new MemberBusyError();
      if (refused) this.leave(listener);
      return refused;
    } catch (error) {
      this.leave(listener);
      throw error;
    }
  }

  leave(listener: SessionListener): void {
    if (this.listener !== listener) return;
    this.listener = undefined;
    if (!this.isForCalls) this.stop();
  }

  /** What the member has told on another stream of the session: the listener hears it as well. */
  tell(message: MemberMessage): void {
    this.listener?.heard(message);
  }

  /** The session is over. */
  close(): void {
    this.isClosed = true;
    this.stop();
    this.tellOver();
  }

  private get isForCalls(): boolean {
    return this.session.isNamed && !this.isClosed && this.parts.link.hearsSession;
  }

  private openNow(patch?: RequestPatch): Promise<AnswerHead | undefined> {
    this.openedAt = performance.now();
    const opening = this.ask(patch).finally(() => (this.opening = undefined));
    opening.catch(() => undefined); // whoever waits for it may have given up
    return (this.opening = opening);
  }

  private async ask(given?: RequestPatch): Promise<AnswerHead | undefined> {
    const { link, pool, streams = pool, credential } = this.parts;
    const { session } = this;
    const patch = given ?? (await credential().get());
    if (this.isClosed || !isOf(session, patch)) throw new MemberBusyError();
    const stream: ListenStream = new ListenStream({
      pool: streams,
      era: 'legacy',
      patch,
      path: link.path,
      onMessage: (message) => this.heard(message),
      onOver: () => this.lost(stream),
    });
    this.stream = stream;
    try {
      const head = link.head(session, {}, patchFor(patch, 'GET', link.path));
      const refused = await stream.open({ method: 'GET', head, body: null });
      if (refused && this.stream === stream) this.stream = undefined;
      return refused;
    } catch (error) {
      if (this.stream === stream) this.stream = undefined;
      throw error;
    }
  }

  private heard(message: MemberMessage): void {
    const { link } = this.parts;
    if (message.kind === 'request') return link.asked(message, this.session);
    link.told(message);
    this.listener?.heard(message);
  }

  private lost(stream: ListenStream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.tellOver();
    // While somebody may be asked it is missed; else the next call opens it.
    if (this.parts.link.isBusy) this.parts.deadlines.add(REST_MS, () => void this.open());
  }

  private tellOver(): void {
    const { listener } = this;
    this.listener = undefined;
    listener?.over();
  }

  private stop(): void {
    this.stream?.close();
    this.stream = undefined;
  }
}
