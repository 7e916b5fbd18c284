import { type ClientFacts, INVALID_PARAMS, MISSING_TASKS, type TaskMethod } from '#builder';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { TaskHandles } from '../tasks/task-handles.js';
import { TaskReply } from '../tasks/task-reply.js';
import { taskRouteOf } from '../tasks/task-route.js';
import { type Destination, MemberCalls } from './member-calls.js';
import type { OpenCall } from './open-call.js';

/** What each method is in the audit trail. */
const ACTIONS: Readonly<Record<TaskMethod, string>> = {
  'tasks/get': 'task.read',
  'tasks/update': 'task.updated',
  'tasks/cancel': 'task.cancelled',
};
/** Callers choose ids that nobody has given them. */
const MAX_UNKNOWN = 64;

/** From the handle of a task to the member that has it (SEP-2663). */
@Injectable()
export class TaskRouter {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly handles: TaskHandles,
    private readonly calls: MemberCalls,
  ) {}

  /** Starts the request; `undefined` if it is answered already. A task that is not the caller's own is not there. */
  route(exchange: RoutedExchange, method: TaskMethod, client: ClientFacts): OpenCall | undefined {
    const { selection, principal, message, reply } = exchange;
    const { taskId } = message.params;
    if (!client.capabilities.includes('extensions.tasks')) {
      reply.protocolError(MISSING_TASKS.code, MISSING_TASKS.message, MISSING_TASKS.data);
      return undefined;
    }
    if (typeof taskId !== 'string') {
      reply.protocolError(INVALID_PARAMS, 'Invalid params: taskId must be a string');
      return undefined;
    }
    const task = this.handles.open(exchange, taskId);
    const routeFor = (by: Principal) => task && taskRouteOf(this.catalog.viewFor(by, selection), task);
    const find = (by: Principal): Destination | undefined => {
      const slot = routeFor(by)?.slot;
      return task && slot && { slot, target: task.own, tool: task.tool };
    };
    const route = routeFor(principal);
    const recorded = this.calls.record(exchange, {
      kind: 'task',
      action: ACTIONS[method],
      // The handle says nothing to whoever reads the trail.
      name: route?.fullName ?? taskId.slice(0, MAX_UNKNOWN),
      ...(route ? { server: route.slot.ref.serverId } : {}),
    });
    if (!recorded) return undefined;
    const refuse = () => recorded.refuse((to) => to.protocolError(INVALID_PARAMS, 'Task not found'));
    const destination = find(principal);
    if (!destination) {
      refuse();
      return undefined;
    }
    const replyTo = ({ target: own }: Destination) => new TaskReply(recorded, { own, handle: taskId });
    return this.calls.start(exchange, { method, client, recorded, destination, findAgain: find, refuse, replyTo });
  }
}
