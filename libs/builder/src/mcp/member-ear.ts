import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import type { ComposerError } from '#kernel';
import type { Log } from '#observability';
import { MemberBusyError, MemberClosedError, MemberProtocolError, refusalOf } from '../builder.errors.js';
import type { MemberCredential } from '../member-credential.js';
import type { ListKind } from '../member-offer.js';
import type { Deadlines } from '../wire/deadlines.js';
import { patchFor } from '../wire/request-head.js';
import { TimeLimit } from '../wire/time-limit.js';
import type { AnswerHead } from '../wire/wire-exchange.js';
import { ListenStream } from './listen-stream.js';
import type { McpLink } from './mcp-link.js';
import type { McpSession } from './mcp-session.js';
import { type AccountBound, isOf, isStillOf } from './member-link.js';
import { type MemberMessage, listChangeOf, textAt } from './member-message.js';
import { LISTEN, type Wanted, listenParams } from './listen-params.js';
import { WatchedResources } from './watched-resources.js';

export interface MemberEarParts {
  readonly link: McpLink;
  readonly pool: EgressPool;
  readonly credential: () => MemberCredential;
  readonly deadlines: Pick<Deadlines, 'add'>;
  readonly log: Log;
  /** A list is another one, as the member says; without a list: it may be, because nobody listened for a while. */
  readonly onListChange: (list?: ListKind) => void;
  /** Nothing is wanted any more, and has not been for a while: the ear is closed. */
  readonly onIdle: () => void;
}

/** What is heard, whichever stream carries it. */
interface HeardStream {
  close(error?: ComposerError): void;
}

interface Listening extends AccountBound {
  readonly stream: HeardStream;
  readonly session: McpSession;
  readonly wanted: Wanted;
}

const OPENING_MS = 10_000;
/** Of that, as long as somebody waits for it who has a subscription already. */
const AWAITED_MS = 1_000;
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** Of a member that has no such stream. */
const NO_STREAM_REST_MS = 600_000;
/** A stream that has lived shorter broke for the same reason as the one before. */
const STEADY_MS = 10_000;
/** How long a stream goes on of which nothing, or less, is wanted. */
const LINGER_MS = 30_000;

/**
 * Listens to what a member over Streamable HTTP tells of its own accord, as one owner of a credential: on one stream
 * for everybody, opened when somebody wants to hear it, reopened after jittered rests, and closed when nobody has wanted
 * it for a while. What may have been missed in between is told as if it had happened.
 */
export class MemberEar {
  private readonly watched = new WatchedResources({
    begin: (uri) => this.subscribe(uri),
    end: (uri) => this.unsubscribe(uri),
  });
  private hearsLists = false;
  private listening: Listening | undefined;
  private opening: Promise<void> | undefined;
  private openedAt = 0;
  private breaks = 0;
  private hasMissed = false;
  private cancelRest: (() => void) | undefined;
  private cancelLinger: (() => void) | undefined;
  private isEnded = false;

  constructor(private readonly parts: MemberEarParts) {}

  /** Whether somebody wants to hear of its lists. */
  hear(isWanted: boolean): void {
    this.hearsLists = isWanted;
    if (isWanted) void this.openIfWanted();
    else this.lingerThenReview();
  }

  /**
   * Calls `onUpdate` whenever the resource may be another one. The member is told of a URI once, however many watch it.
   * Resolves with how to stop it; rejects with a `ComposerError` if the member does not take it.
   */
  watch(uri: string, onUpdate: () => void): Promise<() => void> {
    return this.watched.watch(uri, onUpdate);
  }

  /**
   * What is stored of credentials has changed: a stream that was opened with one that is no more is closed. One that could
   * not be had may be there now.
   */
  async review(): Promise<void> {
    const { listening } = this;
    if (listening && ((await isStillOf(listening, this.parts.credential())) || this.listening !== listening)) return;
    if (listening) {
      listening.stream.close();
      this.listening = undefined;
      this.hasMissed = true;
    }
    this.stopResting();
    void this.openIfWanted();
  }

  end(): void {
    this.isEnded = true;
    this.watched.clear();
    this.stopResting();
    this.cancelLinger?.();
    this.listening?.stream.close(new MemberClosedError());
    this.listening = undefined;
  }

  private get isWanted(): boolean {
    return !this.isEnded && (this.hearsLists || this.watched.size > 0);
  }

  /** In a session the stream carries everything; else it carries what was asked for when it was opened. */
  private get coversAll(): boolean {
    if (!this.listening) return !this.isWanted;
    const { session, wanted } = this.listening;
    if (session.era === 'legacy') return true;
    return (wanted.lists || !this.hearsLists) && this.watched.uris.every((uri) => wanted.uris.has(uri));
  }

  private async subscribe(uri: string): Promise<void> {
    const session = await this.parts.link.open(new TimeLimit(OPENING_MS));
    if (session.era === 'modern') {
      await this.cover();
      if (!this.coversAll) throw new MemberBusyError();
      return;
    }
    await this.parts.link.ask('resources/subscribe', { uri }, new TimeLimit(OPENING_MS));
    await this.openSoon();
  }

  private unsubscribe(uri: string): void {
    const { link, log } = this.parts;
    if (link.peek()?.era === 'legacy') {
      link
        .ask('resources/unsubscribe', { uri }, new TimeLimit(OPENING_MS))
        .catch((error: unknown) => log.debug('a resource is still subscribed to', { err: error }));
    }
    this.lingerThenReview();
  }

  /** Never rejects. */
  private async openIfWanted(): Promise<void> {
    if (!this.isWanted || this.cancelRest || this.coversAll) return;
    await this.cover().catch((error: unknown) =>
      this.parts.log.debug('the member cannot be listened to', { err: error }),
    );
  }

  /** What happens as soon as the subscription stands is heard as well, unless the member is slow with its stream. */
  private openSoon(): Promise<void> {
    return new Promise((resolve) => {
      const clear = this.parts.deadlines.add(AWAITED_MS, resolve);
      void this.openIfWanted().then(resolve).finally(clear);
    });
  }

  private async cover(): Promise<void> {
    if (!this.isWanted || this.coversAll) return;
    do {
      this.opening ??= this.openStream().finally(() => (this.opening = undefined));
      await this.opening;
    } while (this.isWanted && !this.coversAll && !this.cancelRest);
  }

  private async openStream(): Promise<void> {
    this.stopResting();
    const wanted = { lists: this.hearsLists, uris: new Set(this.watched.uris) };
    try {
      const before = this.listening;
      const next = await this.begin(wanted);
      if (!this.isWanted) return next.stream.close();
      this.listening = next;
      before?.stream.close();
      this.openedAt = performance.now();
      if (this.hasMissed) this.tellMissed();
    } catch (error) {
      const hasNoStream = error instanceof MemberProtocolError;
      this.hasMissed = true;
      this.breaks++;
      this.rest(hasNoStream ? NO_STREAM_REST_MS : LONGEST_REST_MS);
      throw error;
    }
  }

  private async begin(wanted: Wanted): Promise<Listening> {
    const credential = this.parts.credential();
    const limit = new TimeLimit(OPENING_MS);
    const [session, patch] = await Promise.all([this.parts.link.open(limit), credential.get()]);
    if (!isOf(session, patch)) {
      this.parts.link.forget(session);
      throw new MemberBusyError();
    }
    let [stream, refused] = await this.ask(session, patch, wanted);
    if (refused && credential.refuses(refused)) {
      const fresh = await credential.renew(patch, refused);
      if (fresh && isOf(session, fresh)) [stream, refused] = await this.ask(session, fresh, wanted);
    }
    if (!refused) {
      if (session.era === 'legacy') await this.resubscribe(session, wanted);
      return { stream, session, wanted, account: patch.account };
    }
    const { status, headers } = refused;
    if (status === 404 && session.isNamed) {
      this.parts.link.forget(session);
      throw new MemberBusyError(); // the next try opens another session
    }
    if (status === 401 || status === 403) throw refusalOf(status, headers['www-authenticate']);
    if (status === 429 || status >= 500) throw new MemberBusyError();
    throw new MemberProtocolError(`it answered HTTP ${status} and no stream`);
  }

  private async ask(
    session: McpSession,
    patch: RequestPatch,
    wanted: Wanted,
  ): Promise<[stream: HeardStream, refused: AnswerHead | undefined]> {
    if (session.era === 'legacy') return this.hearSession(patch);
    const { link, pool, deadlines } = this.parts;
    const stream = new ListenStream({
      pool,
      era: session.era,
      patch,
      path: link.path,
      onMessage: (message) => this.heard(message),
      onOver: () => this.lost(stream),
    });
    const clear = deadlines.add(OPENING_MS, () => stream.close(new TimeLimit(OPENING_MS).passed()));
    try {
      const head = link.head(session, { 'mcp-method': LISTEN }, patchFor(patch, 'POST', link.path));
      return [stream, await stream.open({ method: 'POST', head, body: listenMessage(link.nextId(), wanted) })];
    } finally {
      clear();
    }
  }

  /** A session has one such stream, and it carries questions of the member as well. */
  private async hearSession(patch: RequestPatch): Promise<[stream: HeardStream, refused: AnswerHead | undefined]> {
    const { sessionStream } = this.parts.link;
    if (!sessionStream) throw new MemberBusyError(); // the session is over already
    const listener = { heard: (message: MemberMessage) => this.watched.hear(message), over: () => this.lost(stream) };
    const stream = { close: () => sessionStream.leave(listener) };
    return [stream, await sessionStream.hear(listener, patch, new TimeLimit(OPENING_MS))];
  }

  /** A session is another one than before: the member knows nothing of what was subscribed to. */
  private async resubscribe(session: McpSession, { uris }: Wanted): Promise<void> {
    if (!this.hasMissed) return;
    for (const uri of uris) {
      if (this.parts.link.peek() !== session) return;
      await this.parts.link.ask('resources/subscribe', { uri }, new TimeLimit(OPENING_MS)).catch((error: unknown) => {
        this.parts.log.debug('a resource could not be subscribed to again', { err: error });
      });
    }
  }

  /** Of a member of the modern era. */
  private heard(message: MemberMessage): void {
    const { raw, places } = message;
    const list = listChangeOf(textAt(raw, places.get('method')));
    if (list) return this.parts.onListChange(list);
    this.watched.hear(message);
  }

  private lost(stream: HeardStream): void {
    if (this.listening?.stream !== stream) return;
    this.listening = undefined;
    this.hasMissed = true;
    this.breaks = performance.now() - this.openedAt < STEADY_MS ? this.breaks + 1 : 0;
    if (this.isWanted) this.rest(LONGEST_REST_MS);
  }

  private tellMissed(): void {
    this.hasMissed = false;
    if (this.hearsLists) this.parts.onListChange();
    this.watched.tellAll();
  }

  private rest(longestMs: number): void {
    this.stopResting();
    const doubled = longestMs === NO_STREAM_REST_MS ? longestMs : FIRST_REST_MS * 2 ** Math.min(this.breaks, 10);
    const ms = Math.min(doubled, longestMs) * (0.5 + Math.random() / 2);
    this.cancelRest = this.parts.deadlines.add(ms, () => {
      this.cancelRest = undefined;
      void this.openIfWanted();
    });
  }

  private stopResting(): void {
    this.cancelRest?.();
    this.cancelRest = undefined;
  }

  private lingerThenReview(): void {
    this.cancelLinger ??= this.parts.deadlines.add(LINGER_MS, () => {
      this.cancelLinger = undefined;
      if (this.isEnded || this.isWanted) return;
      this.end();
      this.parts.onIdle();
    });
  }
}

function listenMessage(id: number, wanted: Wanted): Buffer {
  const params = listenParams(wanted);
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: `composer-listen-${id}`, method: LISTEN, params }));
}
