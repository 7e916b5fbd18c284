import type { MessageId } from '#builder';
import { ComposerError, type TenantId } from '#kernel';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import type { Selection } from '../catalog/selection.js';
import { Selections } from '../catalog/selections.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { ChangeStreams } from '../mcp-endpoint/change-streams.js';
import type { Subscriber } from '../subscriptions/resource-subscriptions.js';
import { ofSubscription, withHandle } from './task-edits.js';
import { type RoutedTask, TaskHandles } from './task-handles.js';
import { taskRouteOf } from './task-route.js';

/** Who is told of tasks: over the stream of this key, once that is open. */
export interface TaskSubscriber extends Subscriber {
  readonly selection: Selection;
  /** By which the client knows the stream (2026-07-28, subscriptions). */
  readonly subscriptionId: MessageId;
}

interface Watched {
  readonly task: RoutedTask;
  stop: () => void;
  /** How the task stands, as the client is to hear next. Older states are of no use to anybody. */
  latest?: Buffer | undefined;
  isJudged: boolean;
}

interface Subscribed {
  readonly subscriber: TaskSubscriber;
  readonly tasks: Map<string, Watched>;
  isOpen: boolean;
  /** Nothing more will be heard of one of them. */
  isLost: boolean;
}

const MAX_TASKS_PER_TENANT = 2_000;

/**
 * Which tasks clients of this process want to hear of (SEP-2663, task status notifications). What a member tells goes to
 * the stream that asked, as long as the task is there for its principal. Where a member stops telling, the stream ends:
 * the client asks how its tasks stand, and opens another.
 */
@Injectable()
export class TaskSubscriptions {
  private readonly subscribed = new Map<string, Subscribed>();

  constructor(
    private readonly handles: TaskHandles,
    private readonly catalog: ToolCatalog,
    private readonly selections: Selections,
    private readonly streams: ChangeStreams,
    private readonly log: Log,
  ) {}

  /** Never rejects for what a member or a client does. False: the client will not hear of this task. */
  async subscribe(subscriber: TaskSubscriber, handle: string): Promise<boolean> {
    const { key, principal, selection } = subscriber;
    const task = this.handles.open(subscriber, handle);
    const member = task && taskRouteOf(this.catalog.viewFor(principal, selection), task)?.slot.member;
    if (!task || !member || this.isFull(principal.tenantId)) return false;
    const own = this.subscribed.get(key) ?? { subscriber, tasks: new Map(), isOpen: false, isLost: false };
    this.subscribed.set(key, own);
    const watched: Watched = { task, stop: () => undefined, isJudged: false };
    own.tasks.set(handle, watched);
    const watcher = {
      changed: (notification: Buffer) => this.heard(own, handle, notification),
      lost: () => this.lost(own),
    };
    try {
      const stop = await member.watchTask({ id: task.own, tool: task.tool, as: principal.id }, watcher);
      if (own.tasks.get(handle) !== watched) stop();
      else watched.stop = stop;
      return own.tasks.get(handle) === watched;
    } catch (error) {
      this.drop(own, handle);
      if (!(error instanceof ComposerError)) throw error;
      this.log.debug('a member does not tell of a task', { server: task.serverId, err: error });
      return false;
    }
  }

  /** The stream is open now, and its client knows which tasks it hears of. */
  opened(key: string): void {
    const own = this.subscribed.get(key);
    if (!own) return;
    own.isOpen = true;
    for (const handle of own.tasks.keys()) this.deliverLater(own, handle);
    if (own.isLost) this.lost(own);
  }

  /** The stream is over. */
  end(key: string): void {
    const own = this.subscribed.get(key);
    if (!own) return;
    this.subscribed.delete(key);
    for (const handle of [...own.tasks.keys()]) this.drop(own, handle);
  }

  private heard(own: Subscribed, handle: string, notification: Buffer): void {
    const watched = own.tasks.get(handle);
    if (!watched) return;
    const named = withHandle(notification, watched.task.own, handle);
    watched.latest = ofSubscription(named, own.subscriber.subscriptionId);
    this.deliverLater(own, handle);
  }

  private deliverLater(own: Subscribed, handle: string): void {
    this.deliver(own, handle).catch((error: unknown) =>
      this.log.warn('whether a client may hear of a task could not be found out', { err: error }),
    );
  }

  /** What the subscriber may see is judged by what its stream is open as now. */
  private async deliver(own: Subscribed, handle: string): Promise<void> {
    const watched = own.tasks.get(handle);
    if (!own.isOpen || !watched?.latest || watched.isJudged) return;
    watched.isJudged = true;
    try {
      const isThere = await this.isThere(own, watched.task);
      if (own.tasks.get(handle) !== watched) return;
      if (!isThere) return this.drop(own, handle);
      this.streams.send(own.subscriber.key, watched.latest);
      watched.latest = undefined;
    } finally {
      watched.isJudged = false;
    }
  }

  private async isThere({ subscriber }: Subscribed, task: RoutedTask): Promise<boolean> {
    const principal = this.streams.find(subscriber.key)?.principal;
    if (!principal) return false;
    const selection = await this.selections.find(principal, subscriber.slug);
    return selection !== undefined && taskRouteOf(this.catalog.viewFor(principal, selection), task) !== undefined;
  }

  private lost(own: Subscribed): void {
    const { key } = own.subscriber;
    if (this.subscribed.get(key) !== own) return;
    own.isLost = true;
    if (!own.isOpen) return;
    this.end(key);
    this.streams.finish(key);
  }

  private drop({ tasks }: Subscribed, handle: string): void {
    tasks.get(handle)?.stop();
    tasks.delete(handle);
  }

  private isFull(tenant: TenantId): boolean {
    let sum = 0;
    for (const { subscriber, tasks } of this.subscribed.values()) {
      if (subscriber.principal.tenantId === tenant) sum += tasks.size;
    }
    return sum >= MAX_TASKS_PER_TENANT;
  }
}
