import { type ClientFacts, withoutParams } from '#builder';
import { Injectable } from '@nestjs/common';
import { Elicitations } from '../consent/elicitations.js';
import type { McpExchange, RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { ParkedCalls } from '../parking/parked-calls.js';
import type { OpenCall } from '../router/open-call.js';
import { RequestStates } from '../sessions/request-states.js';

/** Between the client and the composer: members are told nothing of it. */
const OURS: ReadonlySet<string> = new Set(['requestState', 'inputResponses']);

const ASKING: ReadonlySet<string | undefined> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Starts a request; undefined if it is answered already or cannot be cancelled. */
export type Start = (exchange: RoutedExchange) => OpenCall | undefined;

/**
 * What a modern client may be asked while a request of it is under way, of the composer and of members: the answer asks
 * for input, and the client comes back with it (2026-07-28, multi-round-trip requests).
 */
@Injectable()
export class ModernAsking {
  constructor(
    private readonly states: RequestStates,
    private readonly elicitations: Elicitations,
    private readonly parked: ParkedCalls,
  ) {}

  /** Starts the request, or goes on with the one that the client is back for. */
  carryOut(exchange: McpExchange, client: ClientFacts, start: Start): void {
    const state = this.states.take(exchange);
    if (state === false) return;
    // 2026-07-28, multi-round-trip requests: these three may ask for input. A task asks in another way.
    if (!ASKING.has(exchange.message.method)) return this.startUnasked(exchange, start);
    this.elicitations.prepareModern(exchange, client, state?.k === 'consent' ? state : undefined);
    if (state?.k === 'parked') return this.parked.goOn(exchange, state, client);
    const asked = state ? { ...exchange, message: withoutParams(exchange.message, OURS) } : exchange;
    if (client.capabilities.length === 0) return this.startUnasked(asked, start);
    const call = this.parked.open(asked, client);
    call.begun(start({ ...asked, reply: call.reply }));
  }

  private startUnasked(exchange: McpExchange, start: Start): void {
    const running = start(exchange);
    // 2026-07-28, transports: a client that closes the stream has cancelled the request.
    if (running) exchange.reply.onAbandoned(() => running.cancel());
  }
}
