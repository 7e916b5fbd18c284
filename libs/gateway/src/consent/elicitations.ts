import { randomUUID } from 'node:crypto';
import { type ClientFacts, INVALID_PARAMS, type Message, type NeededConsent, withoutParams } from '#builder';
import { Clock, isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { slugOf } from '../catalog/selection.js';
import type { ConsentAnswer } from '../mcp-endpoint/http-reply.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { SessionSeal } from '../sessions/session-seal.js';
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
const OURS: ReadonlySet<string> = new Set(['requestState', 'inputResponses']);

type State = z.infer<typeof stateSchema>;
const stateSchema = z.strictObject({
  k: z.literal('consent'),
  /** Tenant, principal, address and what is asked for: it is worth nothing to anybody else, and nowhere else. */
  t: z.string(),
  p: z.string(),
  a: z.string(),
  n: z.string(),
  i: z.number(),
  round: z.number().int(),
});

/** Asks for a person in the caller's idiom: with an elicitation in URL mode, where the caller has said that it can. */
@Injectable()
export class Elicitations {
  constructor(
    private readonly seal: SessionSeal,
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
   * Revision 2026-07-28: the result asks for input, and the client calls again with it. What it sends along is between it
   * and the composer.
   *
   * @returns the message as the member is to have it; undefined if it was answered
   */
  prepareModern(exchange: McpExchange, { capabilities }: ClientFacts): Message | undefined {
    const { message, reply } = exchange;
    const state = this.stateIn(message.params['requestState']);
    if (state && !this.isOf(state, exchange)) {
      reply.protocolError(
        INVALID_PARAMS,
        'Invalid params: this requestState was not given for this call, or is too old',
      );
      return undefined;
    }
    const round = state ? state.round + 1 : 1;
    if (capabilities.includes('elicitation.url') && round <= MAX_ROUNDS && !(state && hasDeclined(message))) {
      reply.answerConsentBy((consent) => this.inputRequired(exchange, consent, round));
    }
    return state ? withoutParams(message, OURS) : message;
  }

  private inputRequired(exchange: McpExchange, { url, text }: NeededConsent, round: number): ConsentAnswer {
    const params = { mode: 'url', message: text, url };
    return {
      result: {
        resultType: 'input_required',
        inputRequests: { [KEY]: { method: 'elicitation/create', params } },
        requestState: this.seal.seal(JSON.stringify(this.stateOf(exchange, round))),
      },
    };
  }

  private stateOf({ principal, selection, message }: McpExchange, round: number): State {
    const { method, params } = message;
    const n = method === 'tools/call' ? String(params['name']) : `${method} ${String(params['name'] ?? params['uri'])}`;
    const a = slugOf(selection);
    return { k: 'consent', t: principal.tenantId, p: principal.id, a, n, i: this.clock.now(), round };
  }

  /** Undefined for what was sealed elsewhere: members have states of their own, which are passed on. */
  private stateIn(sealed: unknown): State | undefined {
    const text = typeof sealed === 'string' ? this.seal.open(sealed) : undefined;
    return text === undefined ? undefined : stateSchema.safeParse(JSON.parse(text)).data;
  }

  private isOf(state: State, exchange: McpExchange): boolean {
    const { t, p, a, n } = this.stateOf(exchange, 0);
    const isSame = state.t === t && state.p === p && state.a === a && state.n === n;
    return isSame && state.i + LIFETIME_MS >= this.clock.now();
  }
}

/** The person, or the client for them, does not want to: nobody is asked twice. */
function hasDeclined({ params }: Message): boolean {
  const responses = params['inputResponses'];
  const answer = isObject(responses) ? responses[KEY] : undefined;
  return isObject(answer) && answer['action'] !== 'accept';
}
