import type { ClientFacts } from '#builder';
import { Injectable } from '@nestjs/common';
import { Elicitations } from '../consent/elicitations.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { OpenQuestions } from '../sessions/open-questions.js';

/** What a legacy client may be asked while a request of it is under way, of the composer and of members. */
@Injectable()
export class Asking {
  constructor(
    private readonly elicitations: Elicitations,
    private readonly questions: OpenQuestions,
  ) {}

  /** Sees to it that the reply can ask. Gives what members may know of the client: what does not take a stream is never asked. */
  prepare(exchange: McpExchange, session: ClientSession): ClientFacts {
    const { principal, reply } = exchange;
    this.elicitations.prepareLegacy(exchange, session);
    const { era, version, capabilities } = session;
    if (!reply.takesEvents) return { era, version, capabilities: [] };
    reply.askBy((question, take) => this.questions.ask({ principal, sessionId: session.id, reply }, question, take));
    return { era, version, capabilities };
  }

  /** A response of the client. */
  take({ principal, message }: McpExchange, { id: sessionId }: ClientSession): void {
    const { raw, places } = message;
    const { id, result, error } = places;
    const outcome = result ?? error;
    if (typeof message.id !== 'string' || !id || !outcome) return;
    const bytes = Buffer.from(raw.subarray(outcome.start, outcome.end));
    this.questions.take({ principal, sessionId }, message.id, result ? { result: bytes } : { error: bytes });
  }
}
