import {
  COMPOSER_INFO,
  type ForwardedMethod,
  INVALID_PARAMS,
  LATEST_LEGACY_VERSION,
  LEGACY_VERSIONS,
  METHOD_NOT_FOUND,
  flagsIn,
  isLogLevel,
} from '#builder';
import { Injectable } from '@nestjs/common';
import { slugOf } from '../catalog/selection.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { RequestRouter, isForwarded } from '../router/request-router.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { Asking } from './asking.js';
import { LegacyStreams, type ListenRequest } from './legacy-streams.js';
import { OfferedLists } from './offered-lists.js';
import { SessionDoor, type SessionRequest } from './session-door.js';

/** Revisions up to 2025-11-25: a handshake, then a session that every request names. */
@Injectable()
export class LegacyEra {
  constructor(
    private readonly lists: OfferedLists,
    private readonly router: RequestRouter,
    private readonly door: SessionDoor,
    private readonly streams: LegacyStreams,
    private readonly asking: Asking,
  ) {}

  /** One POST. */
  handle(exchange: McpExchange): void {
    if (exchange.message.method === 'initialize') return this.initialize(exchange);
    this.door.enter(exchange, (session, principal) =>
      this.serve(principal === exchange.principal ? exchange : { ...exchange, principal }, session),
    );
  }

  /** GET: the stream over which the server speaks when it was not asked, or the rest of one that the client has lost. */
  listen(asked: ListenRequest): void {
    this.door.enter(asked, (session, principal) => {
      const isOpen = this.streams.listen({ ...asked, principal }, session);
      if (isOpen) this.router.subscriptions.resume(principal, session.id);
    });
  }

  /** DELETE: the client needs the session no more. */
  end(asked: SessionRequest): void {
    this.door.enter(asked, (session, principal) => {
      this.router.subscriptions.end(session.id);
      void this.door.sessions.end(principal, session).then(() => asked.reply.empty(200));
    });
  }

  private serve(exchange: McpExchange, session: ClientSession): void {
    const { message, reply } = exchange;
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
        if (this.router.subscriptions.answer(exchange, session) || this.lists.answer(exchange, 'legacy')) return;
        return reply.protocolError(METHOD_NOT_FOUND, `Method not found: ${message.method.slice(0, 128)}`);
    }
  }

  private initialize({ message, principal, selection, reply, response }: McpExchange): void {
    const asked = message.params['protocolVersion'];
    if (message.id === undefined || typeof asked !== 'string') {
      return reply.protocolError(INVALID_PARAMS, 'Invalid params: initialize is a request and names a protocolVersion');
    }
    const version = (LEGACY_VERSIONS as readonly string[]).includes(asked) ? asked : LATEST_LEGACY_VERSION;
    const owner = { principal, slug: slugOf(selection) };
    const facts = { version, capabilities: flagsIn(message.params['capabilities'], 'legacy') };
    response.setHeader('mcp-session-id', this.door.sessions.open(owner, facts).id);
    reply.result({
      protocolVersion: version,
      serverInfo: COMPOSER_INFO,
      ...this.lists.factsFor(principal, selection, 'legacy'),
    });
  }

  private forward(asked: McpExchange, method: ForwardedMethod, session: ClientSession): void {
    // Who has said nothing of it hears everything, as the servers of the official SDKs have it.
    const logLevel = this.door.sessions.logLevelOf(session) ?? 'debug';
    const exchange = asked.reply.takesEvents ? { ...asked, logLevel } : asked;
    this.streams.prepare(exchange, session);
    const client = this.asking.prepare(exchange, session);
    const running = this.router.route(exchange, method, client);
    if (!running) return;
    const cancel = () => {
      running.cancel();
      exchange.reply.endUnanswered();
    };
    // In this era a closed connection is no cancellation: only the notification is.
    exchange.reply.onAnswered(this.door.sessions.track(session, exchange.message.id!, { cancel }));
  }

  private setLevel({ principal, message, reply }: McpExchange, session: ClientSession): void {
    const { level } = message.params;
    if (!isLogLevel(level)) {
      return reply.protocolError(INVALID_PARAMS, 'Invalid params: level is none of those of RFC 5424');
    }
    void this.door.sessions.setLogLevel(principal, session, level).then(() => reply.result({}));
  }

  private notice({ principal, message, reply }: McpExchange, session: ClientSession): void {
    const { requestId } = message.params;
    if (
      message.method === 'notifications/cancelled' &&
      (typeof requestId === 'string' || typeof requestId === 'number')
    ) {
      this.door.sessions.cancel(principal, session, requestId);
    }
    reply.empty(202);
  }
}
