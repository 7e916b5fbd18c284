import { INVALID_REQUEST, LIST_KINDS, isUrgentFor } from '#builder';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { slugOf } from '../catalog/selection.js';
import { ChangeStreams } from '../mcp-endpoint/change-streams.js';
import { type McpExchange, headerOf } from '../mcp-endpoint/mcp-exchange.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import type { ListeningMark } from '../sessions/event-ids.js';
import { ReplicatedSessions } from '../sessions/replicated-sessions.js';
import { isPrimed, writePriming } from '../streams/event-writer.js';
import { KeptStreams } from '../streams/kept-streams.js';
import { Resumption } from '../streams/resumption.js';
import { noticesOf } from './list-notices.js';
import { ListeningIds } from './listening-ids.js';

/** Of a GET, which has no message. */
export type ListenRequest = Pick<McpExchange, 'principal' | 'selection' | 'request' | 'response' | 'reply'>;

const NOTICES = noticesOf(LIST_KINDS);
/** The revision that brought `Last-Event-ID`. */
const FIRST_RESUMABLE = '2025-03-26';
/**
 * A request that takes longer is answered over a stream, if its client knows how to come back: it can then take a broken
 * connection up again. Longer than calls wait for their turn unless told otherwise, so that they are refused in HTTP.
 */
const SLOW_MS = 2_500;
/** The specification leaves it to implementations. */
const TOO_MANY = -32000;

/** The streams of legacy clients: those on which requests are answered, and the one that stays open. */
@Injectable()
export class LegacyStreams implements OnModuleInit, OnApplicationShutdown {
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly streams: ChangeStreams,
    private readonly kept: KeptStreams,
    private readonly resumption: Resumption,
    private readonly ids: ListeningIds,
    private readonly sessions: ReplicatedSessions,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.sessions.onEnded((sessionId) => {
      this.streams.end(sessionId);
      this.kept.endSession(sessionId);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /** Sees to it that the client can come back for what the reply sends over a stream. */
  prepare({ principal, reply }: McpExchange, session: ClientSession): void {
    if (!reply.takesEvents || session.version < FIRST_RESUMABLE) return;
    reply.keepBy(() => this.kept.open({ principal, session, requestId: reply.id }));
    if (!isPrimed(session.version)) return;
    const timer = setTimeout(() => reply.openStream(), SLOW_MS).unref();
    reply.onAnswered(() => clearTimeout(timer));
  }

  /**
   * GET: the stream over which the server speaks when it was not asked, or the rest of another one that the client has lost.
   *
   * @returns whether the first of the two is open now
   */
  listen(asked: ListenRequest, session: ClientSession): boolean {
    const { request, reply, response } = asked;
    if (response.closed) return false;
    const lastEventId = headerOf(request, 'last-event-id');
    if (!lastEventId || session.version < FIRST_RESUMABLE) return this.open(asked, session);
    const mark = this.ids.read(lastEventId, session.id);
    if (!mark) {
      const message = 'Bad Request: this Last-Event-ID was not given in this session';
      reply.error(400, { code: INVALID_REQUEST, message });
      return false;
    }
    if (mark.kind === 'listening') return this.open(asked, session, mark);
    this.resumption.resume(asked, session, mark);
    return false;
  }

  private open(asked: ListenRequest, session: ClientSession, mark?: ListeningMark): boolean {
    const { principal, request, selection, reply, response } = asked;
    const { version, id: key } = session;
    const idFor = this.ids.of(key, selection);
    const nextId = () => idFor(this.streams.find(key)?.principal ?? principal);
    if (version >= FIRST_RESUMABLE) reply.nameEventsBy(nextId);
    const stream = {
      principal,
      client: session,
      request,
      slug: slugOf(selection),
      key,
      reply,
      notices: NOTICES,
      // Whoever has left without a word is not told anything for ever.
      endsAt: session.endsAt,
      takesWarnings: () => isUrgentFor('warning', this.sessions.logLevelOf(session) ?? 'warning'),
    };
    if (!this.streams.add(stream)) {
      reply.error(503, { code: TOO_MANY, message: 'Too many open streams; try again later' });
      return false;
    }
    const changed = mark ? this.ids.changedSince(mark.seen, principal, selection) : [];
    reply.openStream();
    if (isPrimed(version)) writePriming(response, nextId());
    else reply.keepAlive();
    for (const kind of changed) reply.event([NOTICES.get(kind)!]);
    return true;
  }
}
