import type { ClientFacts } from '#builder';
import { principalId } from '#kernel';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Elicitations } from '../consent/elicitations.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { OpenQuestions } from '../sessions/open-questions.js';
import { SessionPost } from '../sessions/session-post.js';

/** What a legacy client may be asked while a request of it is under way, of the composer and of members. */
@Injectable()
export class Asking implements OnModuleInit, OnApplicationShutdown {
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly elicitations: Elicitations,
    private readonly questions: OpenQuestions,
    private readonly post: SessionPost,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.post.on('answered', ({ s: sessionId, p, q, is, b }, tenantId) => {
      const bytes = Buffer.from(b);
      const answer = is === 'result' ? { result: bytes } : { error: bytes };
      this.questions.take({ principal: { tenantId, id: principalId(p) }, sessionId }, q, answer);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /** Sees to it that the reply can ask. Gives what members may know of the client: what does not take a stream is never asked. */
  prepare(exchange: McpExchange, session: ClientSession): ClientFacts {
    const { principal, reply } = exchange;
    this.elicitations.prepareLegacy(exchange, session);
    const { era, version, capabilities } = session;
    if (!reply.takesEvents) return { era, version, capabilities: [] };
    reply.askBy((question, take) => this.questions.ask({ principal, sessionId: session.id, reply }, question, take));
    return { era, version, capabilities };
  }

  /** A response of the client. What was asked by another replica is handed to it. */
  take({ principal, message }: McpExchange, { id: sessionId }: ClientSession): void {
    const { raw, places } = message;
    const { id, result, error } = places;
    const outcome = result ?? error;
    if (typeof message.id !== 'string' || !id || !outcome) return;
    const bytes = Buffer.from(raw.subarray(outcome.start, outcome.end));
    const answer = result ? { result: bytes } : { error: bytes };
    if (this.questions.take({ principal, sessionId }, message.id, answer)) return;
    if (!OpenQuestions.isIdOfQuestion(message.id)) return;
    const is = result ? 'result' : 'error';
    const letter = { k: 'answered', s: sessionId, p: principal.id, q: message.id, is, b: bytes.toString() } as const;
    void this.post.send(principal.tenantId, letter);
  }
}
