import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  MISSING_TASKS,
  RESOURCE_NOT_FOUND,
  modernFacts,
} from '#builder';
import { isObject } from '#kernel';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { slugOf } from '../catalog/selection.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { SessionSubscriptions } from './session-subscriptions.js';
import { TaskSubscriptions } from '../tasks/task-subscriptions.js';
import { ResourceSubscriptions, type SubscriptionAnswer } from './resource-subscriptions.js';

/** Of one `subscriptions/listen`; further ones are not acknowledged. */
const MAX_WATCHED = 100;

/** What the client of a stream will hear of. */
export interface Granted {
  readonly uris: readonly string[];
  readonly taskIds: readonly string[];
}

type Asked = Pick<McpExchange, 'principal' | 'selection' | 'message' | 'reply'>;

/** What clients ask about resources that change, in the idiom of their era. */
@Injectable()
export class SubscriptionRequests {
  constructor(
    private readonly subscriptions: ResourceSubscriptions,
    private readonly ofSessions: SessionSubscriptions,
    private readonly tasks: TaskSubscriptions,
    private readonly log: Log,
  ) {}

  /** 2025-11-25, resources: `resources/subscribe` and `resources/unsubscribe` in a session. False: it is neither. */
  answer({ principal, selection, message, reply }: Asked, session: ClientSession): boolean {
    const { id: sessionId } = session;
    const { method, params } = message;
    if (method !== 'resources/subscribe' && method !== 'resources/unsubscribe') return false;
    const { uri } = params;
    if (typeof uri !== 'string') {
      reply.protocolError(INVALID_PARAMS, 'Invalid params: uri must be a string');
      return true;
    }
    if (method === 'resources/unsubscribe') {
      this.ofSessions.unsubscribe(principal.tenantId, sessionId, uri).then(
        () => reply.result({}),
        (error: unknown) => this.fail(reply, error),
      );
      return true;
    }
    const subscriber = { key: sessionId, principal, client: session, slug: slugOf(selection) };
    this.ofSessions.subscribe(subscriber, selection, uri).then(
      (answer) => tell(reply, answer, uri),
      (error: unknown) => this.fail(reply, error),
    );
    return true;
  }

  /**
   * 2026-07-28, subscriptions: subscribes to the resources and tasks that a `subscriptions/listen` names, for the stream
   * of this key, and has `opened` open it, which is told of which of them the client will hear. False: it names none.
   */
  listen(asked: Asked, key: string, opened: (granted: Granted) => void): boolean {
    const { principal, selection, message, reply } = asked;
    const uris = wantedIn(message.params['notifications'], 'resourceSubscriptions');
    const taskIds = wantedIn(message.params['notifications'], 'taskIds');
    if (uris.length === 0 && taskIds.length === 0) return false;
    const client = modernFacts(message.params);
    if (taskIds.length > 0 && !client.capabilities.includes('extensions.tasks')) {
      reply.protocolError(MISSING_TASKS.code, MISSING_TASKS.message, MISSING_TASKS.data);
      return true;
    }
    let isOver = false;
    const end = () => {
      isOver = true;
      this.end(key);
    };
    reply.onAbandoned(end);
    reply.onAnswered(end);
    const subscriber = { key, principal, client, slug: slugOf(selection) };
    const waiter = { ...subscriber, selection, subscriptionId: message.id! };
    const resources = uris.map(
      async (uri) => (await this.subscriptions.subscribe(subscriber, selection, uri)).kind === 'subscribed',
    );
    const tasks = taskIds.map(async (id) => this.tasks.subscribe(waiter, id));
    Promise.all([granted(uris, resources), granted(taskIds, tasks)])
      .then(([heardUris, heardTasks]) => {
        // Nobody would ever be told that such a stream is to be closed.
        if (isOver) return;
        opened({ uris: heardUris, taskIds: heardTasks });
        this.tasks.opened(key);
      })
      .catch((error: unknown) => this.fail(reply, error));
    return true;
  }

  /** The stream of the session is open here: what it has subscribed to is told over it. */
  resume(principal: Principal, sessionId: string): void {
    void this.ofSessions.resume(principal.tenantId, sessionId);
  }

  /** The session, or the stream, is over. */
  end(key: string): void {
    this.subscriptions.end(key);
    this.tasks.end(key);
  }

  private fail(reply: McpExchange['reply'], error: unknown): void {
    this.log.error('a subscription failed internally', { err: error });
    reply.protocolError(INTERNAL_ERROR, 'Internal error: the composer could not handle this request');
  }
}

function tell(reply: McpExchange['reply'], answer: SubscriptionAnswer, uri: string): void {
  switch (answer.kind) {
    case 'subscribed':
      return reply.result({});
    case 'not-found':
      return reply.protocolError(RESOURCE_NOT_FOUND, 'Resource not found', { uri });
    case 'unknown':
      return reply.protocolError(
        METHOD_NOT_FOUND,
        'Method not found: the server of this resource has no subscriptions',
      );
    case 'failed':
      return reply.failed(answer.text, answer.code);
  }
}

function wantedIn(wanted: unknown, key: string): readonly string[] {
  const names = isObject(wanted) ? wanted[key] : undefined;
  if (!Array.isArray(names)) return [];
  return [...new Set(names.filter((name): name is string => typeof name === 'string'))].slice(0, MAX_WATCHED);
}

async function granted(names: readonly string[], granting: readonly Promise<boolean>[]): Promise<readonly string[]> {
  const isGranted = await Promise.all(granting);
  return names.filter((_, at) => isGranted[at]);
}
