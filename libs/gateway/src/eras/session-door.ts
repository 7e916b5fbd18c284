import { INTERNAL_ERROR } from '#builder';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { slugOf } from '../catalog/selection.js';
import { McpEntrance } from '../mcp-endpoint/mcp-entrance.js';
import { type McpExchange, headerOf } from '../mcp-endpoint/mcp-exchange.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { ReplicatedSessions } from '../sessions/replicated-sessions.js';

/** Of a GET or DELETE, which have no message. */
export type SessionRequest = Pick<McpExchange, 'principal' | 'selection' | 'request' | 'reply'>;
/** @param principal who asks, as of now */
type Go = (session: ClientSession, principal: Principal) => void;

/** The specification leaves these two to implementations; clients know them from the official SDK. */
const SESSION_REQUIRED = -32000;
const SESSION_UNKNOWN = -32001;

/** Finds the session that a request names, or says that there is none. */
@Injectable()
export class SessionDoor {
  constructor(
    readonly sessions: ReplicatedSessions,
    private readonly entrance: McpEntrance,
    private readonly log: Log,
  ) {}

  /** Goes on at once where the session is known here, else when it was found out how it stands. */
  enter(asked: SessionRequest, go: Go): void {
    const { request, principal, selection, reply } = asked;
    const id = headerOf(request, 'mcp-session-id');
    if (id === undefined) {
      const message = 'Bad Request: the Mcp-Session-Id header is missing; send initialize first';
      return reply.error(400, { code: SESSION_REQUIRED, message });
    }
    const found = this.sessions.find(id, { principal, slug: slugOf(selection) });
    if (found instanceof Promise) return this.enterLater(found, asked, go);
    if (found) go(found, principal);
    else refuse(reply);
  }

  private enterLater(finding: Promise<ClientSession | undefined>, asked: SessionRequest, go: Go): void {
    const { reply } = asked;
    const release = this.entrance.hold(asked, (reason) => reply.refuse(reason));
    finding
      .then((session) => {
        const principal = release();
        if (!principal) return;
        if (session) go(session, principal);
        else refuse(reply);
      })
      .catch((error: unknown) => {
        release();
        this.log.error('a request in a session failed internally', { err: error });
        const message = 'Internal error: the composer could not handle this request';
        reply.error(200, { code: INTERNAL_ERROR, message });
      });
  }
}

function refuse(reply: McpExchange['reply']): void {
  reply.error(404, { code: SESSION_UNKNOWN, message: 'Session not found: send initialize again' });
}
