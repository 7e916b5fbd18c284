import type { ClientFacts, Era, ForwardedMethod, TaskMethod } from '#builder';
import { Injectable } from '@nestjs/common';
import { LayeredCalls } from '../layered/layered-calls.js';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { SubscriptionRequests } from '../subscriptions/subscription-requests.js';
import { OfferRouter } from './offer-router.js';
import type { OpenCall } from './open-call.js';
import { TaskRouter } from './task-router.js';
import { ToolRouter } from './tool-router.js';

const TASK_METHODS: ReadonlySet<string> = new Set(['tasks/get', 'tasks/update', 'tasks/cancel'] satisfies TaskMethod[]);
const FORWARDED: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'completion/complete',
] satisfies ForwardedMethod[]);

/** Whether the method is one of the extension of tasks, which the legacy era does not have: its own tasks are others. */
export const isOfTasks = (method: string): method is TaskMethod => TASK_METHODS.has(method);

/** Whether members answer requests of this method. */
export const isForwarded = (method: string, era: Era): method is ForwardedMethod =>
  FORWARDED.has(method) || (era === 'modern' && isOfTasks(method));

/** Every request that members answer, to whoever finds the member. */
@Injectable()
export class RequestRouter {
  constructor(
    private readonly tools: ToolRouter,
    private readonly layered: LayeredCalls,
    private readonly offers: OfferRouter,
    private readonly tasks: TaskRouter,
    readonly subscriptions: SubscriptionRequests,
  ) {}

  /** Starts the request; `undefined` if it is answered already or cannot be cancelled. */
  route(exchange: RoutedExchange, method: ForwardedMethod, client: ClientFacts): OpenCall | undefined {
    if (method === 'tools/call') {
      return this.layered.takes(exchange) ? this.layered.route(exchange, client) : this.tools.route(exchange, client);
    }
    const isTask = isOfTasks(method);
    return isTask ? this.tasks.route(exchange, method, client) : this.offers.route(exchange, method, client);
  }
}
