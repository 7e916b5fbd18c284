import {
  type ClientFacts,
  type ForwardedMethod,
  type MemberReply,
  type MemberSlot,
  TASKS_EXTENSION,
  extensionsIn,
} from '#builder';
import { Injectable } from '@nestjs/common';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { TaskHandles } from './task-handles.js';
import { TaskMakingReply } from './task-making-reply.js';

/** A request on its way to a member. */
interface Asked {
  readonly method: ForwardedMethod;
  readonly client: ClientFacts;
  readonly slot: MemberSlot;
  readonly target: string;
}

/** The reply that a member is given which may answer with a task. */
@Injectable()
export class TaskReplies {
  constructor(private readonly handles: TaskHandles) {}

  /** The reply itself where no task can come of the request. */
  replyTo(exchange: RoutedExchange, { method, client, slot, target: tool }: Asked, reply: MemberReply): MemberReply {
    if (method !== 'tools/call' || client.era === 'legacy') return reply;
    const isLikely = TASKS_EXTENSION in extensionsIn(slot.offer.capabilities);
    if (!isLikely && !client.capabilities.includes('extensions.tasks')) return reply;
    const { serverId } = slot.ref;
    const handleOf = (own: string) => this.handles.give(exchange, { serverId, tool, own });
    return new TaskMakingReply(reply, { isLikely, handleOf, memberName: serverId });
  }
}
