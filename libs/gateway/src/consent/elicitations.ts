import { randomUUID } from 'node:crypto';
import type { ClientFacts, Message, NeededConsent } from '#builder';
import { Clock, isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import type { ConsentAnswer } from '../mcp-endpoint/http-reply.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { type ConsentState, RequestStates } from '../sessions/request-states.js';
import { OpenElicitations } from './open-elicitations.js';

/** 2025-11-25, elicitation: the request needs an elicitation in URL mode first. */
const URL_ELICITATION_REQUIRED = -32042;
/** The revision that brought it. */
const FIRST_WITH_URLS = '2025-11-25';
/** Under this key the client is asked, and answers. */
const KEY = 'connect';
/** How long a person may take. */
const LIFETIME_MS = 3_600_000;
/** Clients repeat the call at once when their person has opened the page; after so many times that is told in words. */
const MAX_ROUNDS = 3;

/** Asks for a person in the caller's idiom: with an elicitation in URL mode, where the caller has said that it can. */
@Injectable()
export class Elicitations {
  constructor(
    private readonly states: RequestStates,
    private readonly open: OpenElicitations,
    private readonly clock: Clock,
  ) {}

  /** Revision 2025-11-25: an error that says which elicitation comes first. Before that, words. */
  prepareLegacy({ principal, reply }: McpExchange, session: ClientSession): void {
    if (!session.capabilities.includes('elicitation.url') || session.version < FIRST_WITH_URLS) return;
    reply.answerConsentBy(({ serverId, url, text }: NeededConsent): ConsentAnswer => {
      const elicitationId = randomUUID();
      this.open.note({ principal, serverId, sessionId: session.id, elicitationId });
      const elicitations = [{ mode: 'url', elicitationId, url, message: text }];
      return { fault: { code: URL_ELICITATION_REQUIRED, message: text, data: { elicitations } } };
    });
  }

  /**
   * Revision 2026-07-28: the result asks for input, and the client calls again with it.
   *
   * @param state what the client has brought back of that
   */
  prepareModern(exchange: McpExchange, { capabilities }: ClientFacts, state?: ConsentState): void {
    const round = state ? state.round + 1 : 1;
    if (!capabilities.includes('elicitation.url') || round > MAX_ROUNDS) return;
    if (state && hasDeclined(exchange.message)) return;
    exchange.reply.answerConsentBy((consent) => this.inputRequired(exchange, consent, round));
  }

  private inputRequired(exchange: McpExchange, { url, text }: NeededConsent, round: number): ConsentAnswer {
    const params = { mode: 'url', message: text, url };
    return {
      result: {
        resultType: 'input_required',
        inputRequests: { [KEY]: { method: 'elicitation/create', params } },
        requestState: this.states.give(exchange, { k: 'consent', round }, this.clock.now() + LIFETIME_MS),
      },
    };
  }
}

/** The person, or the client for them, does not want to: nobody is asked twice. */
function hasDeclined({ params }: Message): boolean {
  const responses = params['inputResponses'];
  const answer = isObject(responses) ? responses[KEY] : undefined;
  return isObject(answer) && answer['action'] !== 'accept';
}
