import type { ClientFacts, ForwardedMethod, RunningCall } from '#builder';
import { Injectable } from '@nestjs/common';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { SubscriptionRequests } from '../subscriptions/subscription-requests.js';
import { OfferRouter } from './offer-router.js';
import { ToolRouter } from './tool-router.js';

const FORWARDED: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'completion/complete',
] satisfies ForwardedMethod[]);

/** Whether members answer requests of this method. */
export const isForwarded = (method: string): method is ForwardedMethod => FORWARDED.has(method);

/** Every request that members answer, to whoever finds the member. */
@Injectable()
export class RequestRouter {
  constructor(
    private readonly tools: ToolRouter,
    private readonly offers: OfferRouter,
    readonly subscriptions: SubscriptionRequests,
  ) {}

  /** Starts the request; `undefined` if it is answered already or cannot be cancelled. */
  route(exchange: McpExchange, method: ForwardedMethod, client: ClientFacts): Pick<RunningCall, 'cancel'> | undefined {
    return method === 'tools/call' ? this.tools.route(exchange, client) : this.offers.route(exchange, method, client);
  }
}
