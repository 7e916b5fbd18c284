import {
  COMPOSER_INFO,
  type ForwardedMethod,
  INVALID_PARAMS,
  LATEST_LEGACY_VERSION,
  LEGACY_VERSIONS,
  LIST_KINDS,
  METHOD_NOT_FOUND,
  flagsIn,
  isLogLevel,
  isUrgentFor,
} from '#builder';
import { Injectable } from '@nestjs/common';
import { slugOf } from '../catalog/selection.js';
import { ChangeStreams } from '../mcp-endpoint/change-streams.js';
import { type McpExchange, headerOf } from '../mcp-endpoint/mcp-exchange.js';
import { RequestRouter, isForwarded } from '../router/request-router.js';
import { Asking } from './asking.js';
import { noticesOf } from './list-notices.js';
import { type ClientSession, ClientSessions } from '../sessions/client-sessions.js';
import { OfferedLists } from './offered-lists.js';

const NOTICES = noticesOf(LIST_KINDS);
/** The specification leaves these two to implementations; clients know them from the official SDK. */
const SESSION_REQUIRED = -32000;
const SESSION_UNKNOWN = -32001;

/** Of a GET or DELETE, which have no message. */
export type SessionRequest = Pick<McpExchange, 'principal' | 'selection' | 'request' | 'reply'>;

/** Revisions up to 2025-11-25: a handshake, then a session that every request names. */
@Injectable()
export class LegacyEra {
  constructor(
    private readonly lists: OfferedLists,
    private readonly router: RequestRouter,
    private readonly sessions: ClientSessions,
    private readonly streams: ChangeStreams,
    private readonly asking: Asking,
  ) {}

  /** One POST. */
  handle(exchange: McpExchange): void {
    const { message, reply } = exchange;
    if (message.method === 'initialize') return this.initialize(exchange);
    const session = this.sessionOf(exchange);
    if (!session) return;
    if (message.method === undefined) {
      // Also what nobody has asked for is taken: the question may have been withdrawn meanwhile.
      this.asking.take(exchange, session);
      return reply.empty(202);
    }
    if (message.id === undefined) return this.notice(exchange, session);
    switch (message.method) {
      case 'ping':
        return reply.result({});
      case 'logging/setLevel':
        return this.setLevel(exchange, session);
      default:
        if (isForwarded(message.method, 'legacy')) return this.forward(exchange, message.method, session);
        if (this.router.subscriptions.answer(exchange, session.id) || this.lists.answer(exchange, 'legacy')) return;
        return reply.protocolError(METHOD_NOT_FOUND, `Method not found: ${message.method.slice(0, 128)}`);
    }
  }

  /** GET: the stream over which the server speaks when it was not asked. */
  listen(asked: SessionRequest): void {
    const { principal, request, selection, reply } = asked;
    const session = this.sessionOf(asked);
    if (!session) return;
    const stream = {
      principal,
      request,
      slug: slugOf(selection),
      key: session.id,
      reply,
      notices: NOTICES,
      takesWarnings: () => isUrgentFor('warning', this.sessions.logLevelOf(session) ?? 'warning'),
    };
    if (!this.streams.add(stream))
      return reply.error(503, { code: SESSION_REQUIRED, message: 'Too many open streams; try again later' });
    reply.openStream();
    reply.keepAlive();
  }

  /** DELETE: the client needs the session no more. */
  end(asked: SessionRequest): void {
    const session = this.sessionOf(asked);
    if (!session) return;
    this.sessions.end(session);
    this.streams.end(session.id);
    this.router.subscriptions.end(session.id);
    asked.reply.empty(200);
  }

  private initialize({ message, principal, selection, reply, response }: McpExchange): void {
    const asked = message.params['protocolVersion'];
    if (message.id === undefined || typeof asked !== 'string') {
      return reply.protocolError(INVALID_PARAMS, 'Invalid params: initialize is a request and names a protocolVersion');
    }
    const version = (LEGACY_VERSIONS as readonly string[]).includes(asked) ? asked : LATEST_LEGACY_VERSION;
    const owner = { principal, slug: slugOf(selection) };
    const facts = { version, capabilities: flagsIn(message.params['capabilities'], 'legacy') };
    response.setHeader('mcp-session-id', this.sessions.open(owner, facts).id);
    reply.result({
      protocolVersion: version,
      serverInfo: COMPOSER_INFO,
      ...this.lists.factsFor(principal, selection, 'legacy'),
    });
  }

  private forward(asked: McpExchange, method: ForwardedMethod, session: ClientSession): void {
    // Who has said nothing of it hears everything, as the servers of the official SDKs have it.
    const logLevel = this.sessions.logLevelOf(session) ?? 'debug';
    const exchange = asked.reply.takesEvents ? { ...asked, logLevel } : asked;
    const client = this.asking.prepare(exchange, session);
    const running = this.router.route(exchange, method, client);
    if (!running) return;
    const cancel = () => {
      running.cancel();
      exchange.reply.endUnanswered();
    };
    // In this era a closed connection is no cancellation: only the notification is.
    exchange.reply.onAnswered(this.sessions.track(session, exchange.message.id!, { cancel }));
  }

  private setLevel({ message, reply }: McpExchange, session: ClientSession): void {
    const { level } = message.params;
    if (!isLogLevel(level)) {
      return reply.protocolError(INVALID_PARAMS, 'Invalid params: level is none of those of RFC 5424');
    }
    this.sessions.setLogLevel(session, level);
    reply.result({});
  }

  private notice({ message, reply }: McpExchange, session: ClientSession): void {
    const { requestId } = message.params;
    if (
      message.method === 'notifications/cancelled' &&
      (typeof requestId === 'string' || typeof requestId === 'number')
    ) {
      this.sessions.cancel(session, requestId);
    }
    reply.empty(202);
  }

  private sessionOf({ request, principal, selection, reply }: SessionRequest): ClientSession | undefined {
    const id = headerOf(request, 'mcp-session-id');
    if (id === undefined) {
      reply.error(400, {
        code: SESSION_REQUIRED,
        message: 'Bad Request: the Mcp-Session-Id header is missing; send initialize first',
      });
      return undefined;
    }
    const session = this.sessions.find(id, { principal, slug: slugOf(selection) });
    if (!session) reply.error(404, { code: SESSION_UNKNOWN, message: 'Session not found: send initialize again' });
    return session;
  }
}
