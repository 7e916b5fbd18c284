import { type ComposerError, isObject } from '#kernel';
import type { Log } from '#observability';
import { MemberClosedError } from '../builder.errors.js';
import type { ListKind } from '../member-offer.js';
import type { Deadlines } from '../wire/deadlines.js';
import { TimeLimit } from '../wire/time-limit.js';
import { decoded } from './control-request.js';
import { faultOf } from './handshake.js';
import { LISTEN, type Wanted, listenParams } from './listen-params.js';
import { META_SUBSCRIPTION } from './mcp-protocol.js';
import { type MemberMessage, listChangeOf, textAt } from './member-message.js';
import type { MessageStreamLink, StreamSession } from './message-stream.js';
import { WatchedResources } from './watched-resources.js';

export interface StreamEarParts<Session extends StreamSession> {
  readonly link: MessageStreamLink<Session>;
  readonly deadlines: Pick<Deadlines, 'add'>;
  readonly log: Log;
  readonly onListChange: (list: ListKind) => void;
}

/** A `subscriptions/listen` that stands. */
interface Listening<Session> {
  readonly session: Session;
  readonly id: number;
  readonly wanted: Wanted;
}

interface Acknowledgement {
  readonly id: number;
  readonly came: () => void;
}

const OPENING_MS = 10_000;
const REST_MS = 5_000;
const ACKNOWLEDGED = '"notifications/subscriptions/acknowledged"';
const CANCELLED = '"notifications/cancelled"';

/**
 * Listens to what a member on one stream tells of its own accord, as one owner of a credential. In the legacy era the
 * stream carries it all, and resources are subscribed to one by one; in the modern era it carries what was asked for last
 * (2026-07-28, subscriptions). When the stream was another one meanwhile, what is watched is asked for again, and is told
 * as if it had changed.
 */
export class StreamEar<Session extends StreamSession = StreamSession> {
  private readonly watched = new WatchedResources({
    begin: (uri) => this.subscribe(uri),
    end: (uri) => this.unsubscribe(uri),
  });
  /** What members of the legacy era have taken, in this session or an earlier one. */
  private readonly taken = new Set<string>();
  private hearsLists = false;
  private listening: Listening<Session> | undefined;
  private asking: Promise<void> | undefined;
  private acknowledgement: Acknowledgement | undefined;
  private cancelRest: (() => void) | undefined;
  private isEnded = false;

  constructor(private readonly parts: StreamEarParts<Session>) {}

  /** Somebody watches a resource: the stream is to stay open. */
  get isWatching(): boolean {
    return this.watched.size > 0;
  }

  /** Whether somebody wants to hear of its lists. Members of the legacy era tell of them in any case. */
  hear(isWanted: boolean): void {
    this.hearsLists = isWanted;
    if (this.parts.link.peek()?.era === 'modern') this.coverOrRest();
  }

  /** As `WatchedResources.watch`. */
  watch(uri: string, onUpdate: () => void): Promise<() => void> {
    return this.watched.watch(uri, onUpdate);
  }

  /** The link has opened a session. */
  opened(session: Session): void {
    if (session.era === 'modern') return this.coverOrRest();
    if (this.taken.size > 0) void this.subscribeAgain(session);
  }

  /** A notification that belongs to no request. */
  heard(message: MemberMessage): void {
    const { raw, places } = message;
    const method = textAt(raw, places.get('method'));
    const list = listChangeOf(method);
    if (list) return this.parts.onListChange(list);
    if (method === ACKNOWLEDGED && this.acknowledgement?.id === subscriptionOf(raw)) this.acknowledgement?.came();
    if (method === CANCELLED && this.listening?.id === requestOf(raw)) {
      this.listening = undefined;
      return this.rest();
    }
    this.watched.hear(message);
  }

  end(): void {
    this.isEnded = true;
    this.watched.clear();
    this.cancelRest?.();
  }

  private async subscribe(uri: string): Promise<void> {
    const { link } = this.parts;
    const { era } = await link.open(new TimeLimit(OPENING_MS));
    if (era === 'modern') return this.cover();
    await link.ask('resources/subscribe', { uri }, new TimeLimit(OPENING_MS));
    this.taken.add(uri);
  }

  private unsubscribe(uri: string): void {
    const { link, log } = this.parts;
    if (!this.taken.delete(uri) || !link.peek()) return;
    link
      .ask('resources/unsubscribe', { uri }, new TimeLimit(OPENING_MS))
      .catch((error: unknown) => log.debug('a resource is still subscribed to', { err: error }));
  }

  private async subscribeAgain(session: Session): Promise<void> {
    const { link, log } = this.parts;
    for (const uri of [...this.taken]) {
      if (link.peek() !== session) return;
      await link.ask('resources/subscribe', { uri }, new TimeLimit(OPENING_MS)).catch((error: unknown) => {
        log.debug('a resource could not be subscribed to again', { err: error });
      });
    }
    this.watched.tellAll();
  }

  private get isCovered(): boolean {
    const { listening } = this;
    if (!this.hearsLists && this.watched.size === 0) return true;
    if (!listening || listening.session !== this.parts.link.peek()) return false;
    const { lists, uris } = listening.wanted;
    return (lists || !this.hearsLists) && this.watched.uris.every((uri) => uris.has(uri));
  }

  private coverOrRest(): void {
    if (this.isCovered || this.cancelRest) return;
    this.cover().catch((error: unknown) => {
      this.parts.log.debug('the member cannot be listened to', { err: error });
      this.rest();
    });
  }

  private async cover(): Promise<void> {
    while (!this.isCovered) {
      if (this.isEnded) throw new MemberClosedError();
      this.asking ??= this.listen().finally(() => (this.asking = undefined));
      await this.asking;
    }
  }

  private async listen(): Promise<void> {
    const { link } = this.parts;
    const limit = new TimeLimit(OPENING_MS);
    const session = await link.open(limit);
    const wanted = { lists: this.hearsLists, uris: new Set(this.watched.uris) };
    const id = link.nextId();
    await this.acknowledged({ session, id, wanted }, limit);
    const before = this.listening;
    this.listening = { session, id, wanted };
    if (before?.session === session) {
      return void link.tell(session, { method: 'notifications/cancelled', params: { requestId: before.id } });
    }
    if (before) this.watched.tellAll();
  }

  private acknowledged({ session, id, wanted }: Listening<Session>, limit: TimeLimit): Promise<void> {
    const { link, deadlines, log } = this.parts;
    return new Promise((resolve, reject) => {
      const settle = (error?: ComposerError): void => {
        clear();
        session.stream.drop(id); // its answer is the end, of which nobody has to be told
        this.acknowledgement = undefined;
        if (error) reject(error);
        else resolve();
      };
      const clear = deadlines.add(limit.left(), () => settle(limit.passed()));
      this.acknowledgement = { id, came: () => settle() };
      const isWaiting = session.stream.expect(id, {
        answer: ({ raw }) => settle(faultOf(LISTEN, decoded(raw)?.['error'], log)),
        progress: () => undefined,
        lost: settle,
      });
      if (isWaiting) void link.tell(session, { id, method: LISTEN, params: listenParams(wanted) });
      else settle(new MemberClosedError());
    });
  }

  private rest(): void {
    if (this.isEnded || this.cancelRest) return;
    this.cancelRest = this.parts.deadlines.add(REST_MS * (0.5 + Math.random() / 2), () => {
      this.cancelRest = undefined;
      this.coverOrRest();
    });
  }
}

function subscriptionOf(raw: Buffer): unknown {
  const params = decoded(raw)?.['params'];
  const meta = isObject(params) ? params['_meta'] : undefined;
  return isObject(meta) ? meta[META_SUBSCRIPTION] : undefined;
}

function requestOf(raw: Buffer): unknown {
  const params = decoded(raw)?.['params'];
  return isObject(params) ? params['requestId'] : undefined;
}
