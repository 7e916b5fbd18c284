import { randomUUID } from 'node:crypto';
import { isObject } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import { type Span, scanObject } from '../json-rpc/json-scan.js';
import type { MemberReply, MemberRequest, TaskMethod } from '../member.js';
import type { Deadlines } from '../wire/deadlines.js';
import { decoded } from './control-request.js';
import type { MemberMessage } from './member-message.js';

export interface TaskFollowingParts {
  /** The call that the member has answered with a task. */
  readonly call: MemberRequest;
  /** Of the call. */
  readonly reply: MemberReply;
  readonly deadlines: Pick<Deadlines, 'add'>;
  /** Asks the member; what it answers goes to `answered`. */
  readonly send: (request: MemberRequest) => void;
  /** Asks the caller for `inputRequests`, then the member with what it has said in `update`. */
  readonly ask: (update: MemberRequest, inputRequests: object) => void;
  /** The call is over: `answer` gives its answer. */
  readonly finish: (answer: () => void) => void;
  readonly fail: (error: MemberProtocolError) => void;
  /** Nobody wants the result any more: the request that says so. */
  readonly abandon: (cancel: MemberRequest) => void;
}

const SHORTEST_WAIT_MS = 100;
const USUAL_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** An id goes into a header. */
const MAX_ID = 1_024;
const OPEN_OBJECT = 0x7b;

/**
 * Follows a task to its end for a caller of the legacy era, which knows nothing of tasks (SEP-2663, task polling): asks the
 * member how it stands, as often as that suggests, has the caller asked for what the task wants, and gives the result as
 * if the call had been answered with it. Whoever follows keeps the time.
 */
export class TaskFollowing {
  private taskId = '';
  private said: unknown;
  private progress = 0;
  /** Keys of what the caller was asked: they stay in the task until the member has taken the answers. */
  private readonly asked = new Set<string>();
  private stopWaiting: (() => void) | undefined;
  private isOver = false;

  constructor(private readonly parts: TaskFollowingParts) {}

  /** @param message a response whose `resultType` is `task` */
  begin({ raw }: MemberMessage): void {
    const task = resultIn(raw);
    const { taskId } = task;
    if (typeof taskId !== 'string' || taskId === '' || taskId.length > MAX_ID) {
      return this.fail('it answered with a task that cannot be asked for');
    }
    this.taskId = taskId;
    this.wait(task);
  }

  /** The response to a request of `send`, or to the update of `ask`. */
  answered({ raw, places }: MemberMessage): void {
    if (this.isOver) return;
    const error = places.get('error');
    if (error) return this.finish('error', raw.subarray(error.start, error.end));
    const task = resultIn(raw);
    switch (task['status']) {
      case undefined: // an update was taken
      case 'working':
        return this.wait(task);
      case 'input_required':
        return this.ask(task);
      case 'completed':
      case 'failed':
        return this.take(raw, places.get('result')!, task['status'] === 'failed' ? 'error' : 'result');
      case 'cancelled':
        return this.fail('it cancelled the task of this call');
      default:
        return this.fail('its task is in a state that is not known');
    }
  }

  /** Nobody waits any more: of a task that has not ended, the member is told. */
  stop(): void {
    this.end(() => {
      if (this.taskId) this.parts.abandon(this.request('tasks/cancel'));
    });
  }

  private wait({ pollIntervalMs, statusMessage }: Readonly<Record<string, unknown>>): void {
    if (typeof statusMessage === 'string' && statusMessage !== this.said) this.tell(statusMessage);
    this.said = statusMessage ?? this.said;
    const wanted = typeof pollIntervalMs === 'number' && pollIntervalMs > 0 ? pollIntervalMs : USUAL_WAIT_MS;
    const ms = Math.min(Math.max(wanted, SHORTEST_WAIT_MS), LONGEST_WAIT_MS);
    this.stopWaiting = this.parts.deadlines.add(ms, () => this.parts.send(this.request('tasks/get')));
  }

  private ask(task: Readonly<Record<string, unknown>>): void {
    const { inputRequests } = task;
    const open = isObject(inputRequests) ? Object.entries(inputRequests).filter(([key]) => !this.asked.has(key)) : [];
    if (open.length === 0) return this.wait(task);
    for (const [key] of open) this.asked.add(key);
    this.parts.ask(this.request('tasks/update'), Object.fromEntries(open));
  }

  private take(raw: Buffer, task: Span, key: 'result' | 'error'): void {
    let place: Span | undefined;
    scanObject(raw, task.start, (name, span) => {
      if (name === key) place = span;
    });
    if (!place || raw[place.start] !== OPEN_OBJECT) return this.fail(`its task has ended without ${key}`);
    this.finish(key, raw.subarray(place.start, place.end));
  }

  private finish(key: 'result' | 'error', bytes: Buffer): void {
    const { reply, finish } = this.parts;
    const head = [Buffer.from('{"jsonrpc":"2.0","id":'), reply.id, Buffer.from(`,"${key}":`)];
    this.end(() => finish(() => reply.message([...head, bytes, Buffer.from('}')])));
  }

  /** 2025-11-25, progress: what the task says of itself, where the caller wants to hear of progress. */
  private tell(statusMessage: string): void {
    const { reply, call } = this.parts;
    const { raw, places } = call.message;
    const { progressToken: place } = places;
    if (!place || !reply.takesEvents) return;
    const token: unknown = JSON.parse(raw.toString('utf8', place.start, place.end));
    const params = { progressToken: token, progress: ++this.progress, message: statusMessage };
    reply.openStream();
    reply.event([Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params }))]);
  }

  private request(method: TaskMethod): MemberRequest {
    // What a call repeats in headers is of its arguments.
    const { mirrored: _mirrored, ...call } = this.parts.call;
    const id = `composer-${randomUUID()}`;
    const text = JSON.stringify({ jsonrpc: '2.0', id, method, params: { taskId: this.taskId } });
    return { ...call, method, target: this.taskId, tool: call.target, message: parseMessage(Buffer.from(text)) };
  }

  private fail(what: string): void {
    this.end(() => this.parts.fail(new MemberProtocolError(what)));
  }

  private end(act: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopWaiting?.();
    act();
  }
}

function resultIn(raw: Buffer): Readonly<Record<string, unknown>> {
  const result = decoded(raw)?.['result'];
  return isObject(result) ? result : {};
}
