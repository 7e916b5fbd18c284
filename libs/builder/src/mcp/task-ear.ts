import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import { isObject } from '#kernel';
import { MemberBusyError, MemberProtocolError, refusalOf } from '../builder.errors.js';
import { declarationOf } from '../client-facts.js';
import type { TaskWatcher } from '../member.js';
import type { MemberCredential } from '../member-credential.js';
import type { Deadlines } from '../wire/deadlines.js';
import { patchFor } from '../wire/request-head.js';
import { TimeLimit } from '../wire/time-limit.js';
import type { AnswerHead } from '../wire/wire-exchange.js';
import { decoded } from './control-request.js';
import { ListenStream } from './listen-stream.js';
import type { McpLink } from './mcp-link.js';
import type { McpSession } from './mcp-session.js';
import { META_CAPABILITIES } from './mcp-protocol.js';
import { type MemberMessage, textAt } from './member-message.js';
import { OWN_META } from './own-meta.js';

export interface TaskEarParts {
  readonly link: McpLink;
  readonly pool: EgressPool;
  readonly credential: () => MemberCredential;
  readonly deadlines: Pick<Deadlines, 'add'>;
  /** Nobody watches anything any more: the ear is closed. */
  readonly onIdle: () => void;
}

interface Hearing {
  readonly stream: ListenStream;
  readonly asked: ReadonlySet<string>;
  /** Those of which the member has said that it will tell. */
  readonly granted: ReadonlySet<string>;
}

const OPENING_MS = 10_000;
const MAX_TASKS = 1_000;
const LISTEN = 'subscriptions/listen';
const CHANGED = '"notifications/tasks"';
const LISTENING_META = { ...OWN_META, [META_CAPABILITIES]: declarationOf(['extensions.tasks']) };

/**
 * Listens to what a member over Streamable HTTP tells of tasks, as one owner of a credential (SEP-2663, task status
 * notifications): on one stream for everybody. A task more takes a new stream, which is open before the old one is closed.
 * A stream that breaks is not opened again: whoever watches is told, and asks how the task stands.
 */
export class TaskEar {
  private readonly watched = new Map<string, Set<TaskWatcher>>();
  private hearing: Hearing | undefined;
  private opening: Promise<void> | undefined;

  constructor(private readonly parts: TaskEarParts) {}

  /**
   * Resolves with how to stop it. Rejects with a `ComposerError` if the member does not take it. What the member tells at
   * once comes before that.
   */
  async watch(id: string, watcher: TaskWatcher): Promise<() => void> {
    const known = this.watched.get(id) ?? new Set();
    if (known.size === 0 && this.watched.size >= MAX_TASKS) throw new MemberBusyError();
    this.watched.set(id, known.add(watcher));
    const stop = () => this.stop(id, watcher);
    try {
      await this.cover();
      if (!this.hearing?.granted.has(id) || !this.watched.get(id)?.has(watcher)) {
        throw new MemberProtocolError('it does not tell of this task');
      }
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  /** Whoever watches is told that nothing more comes. */
  end(): void {
    this.hearing?.stream.close();
    this.hearing = undefined;
    this.tellLost();
  }

  private async cover(): Promise<void> {
    while (this.watched.size > 0 && ![...this.watched.keys()].every((id) => this.hearing?.asked.has(id))) {
      this.opening ??= this.openStream().finally(() => (this.opening = undefined));
      await this.opening;
    }
  }

  private async openStream(): Promise<void> {
    const asked = new Set(this.watched.keys());
    const granted = new Set<string>();
    const stream = await this.begin(asked, granted);
    const before = this.hearing;
    this.hearing = { stream, asked, granted };
    before?.stream.close();
    // Whoever wanted it may have gone meanwhile.
    if (this.watched.size === 0) this.close();
  }

  private async begin(asked: ReadonlySet<string>, granted: Set<string>): Promise<ListenStream> {
    const credential = this.parts.credential();
    const [session, patch] = await Promise.all([this.parts.link.open(new TimeLimit(OPENING_MS)), credential.get()]);
    if (session.era === 'legacy') throw new MemberProtocolError('it does not tell of tasks');
    const ask = (use: RequestPatch) => this.ask(session, use, { asked, granted });
    let [stream, refused] = await ask(patch);
    if (refused && credential.refuses(refused)) {
      const fresh = await credential.renew(patch, refused);
      if (fresh) [stream, refused] = await ask(fresh);
    }
    if (!refused) return stream;
    const { status, headers } = refused;
    if (status === 401 || status === 403) throw refusalOf(status, headers['www-authenticate']);
    throw new MemberProtocolError(`it answered HTTP ${status} and no stream`);
  }

  private async ask(
    session: McpSession,
    patch: RequestPatch,
    { asked, granted }: { readonly asked: ReadonlySet<string>; readonly granted: Set<string> },
  ): Promise<[stream: ListenStream, refused: AnswerHead | undefined]> {
    const { link, pool, deadlines } = this.parts;
    const params = { _meta: LISTENING_META, notifications: { taskIds: [...asked] } };
    const id = `composer-listen-${link.nextId()}`;
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method: LISTEN, params }));
    const head = link.head(session, { 'mcp-method': LISTEN }, patchFor(patch, 'POST', link.path));
    const stream = new ListenStream({
      pool,
      era: 'modern',
      patch,
      path: link.path,
      onAcknowledged: (message) => {
        for (const task of tasksIn(message)) granted.add(task);
      },
      onMessage: (message) => this.heard(message),
      onOver: () => this.lost(stream),
    });
    const clear = deadlines.add(OPENING_MS, () => stream.close(new TimeLimit(OPENING_MS).passed()));
    try {
      return [stream, await stream.open({ method: 'POST', head, body })];
    } finally {
      clear();
    }
  }

  private heard({ raw, places, kind }: MemberMessage): void {
    if (kind !== 'notification' || textAt(raw, places.get('method')) !== CHANGED) return;
    const params = decoded(raw)?.['params'];
    const id = isObject(params) ? params['taskId'] : undefined;
    const watchers = typeof id === 'string' ? this.watched.get(id) : undefined;
    for (const watcher of [...(watchers ?? [])]) watcher.changed(raw);
  }

  private lost(stream: ListenStream): void {
    if (this.hearing?.stream !== stream) return;
    this.hearing = undefined;
    this.tellLost();
  }

  private tellLost(): void {
    const all = [...this.watched.values()].flatMap((watchers) => [...watchers]);
    this.watched.clear();
    for (const watcher of all) watcher.lost();
    this.parts.onIdle();
  }

  private stop(id: string, watcher: TaskWatcher): void {
    const watchers = this.watched.get(id);
    if (!watchers?.delete(watcher) || watchers.size > 0) return;
    this.watched.delete(id);
    if (this.watched.size === 0 && !this.opening) this.close();
  }

  private close(): void {
    this.hearing?.stream.close();
    this.hearing = undefined;
    this.parts.onIdle();
  }
}

/** Of an acknowledgement: what the member will tell of. */
function tasksIn({ raw }: MemberMessage): readonly string[] {
  const params = decoded(raw)?.['params'];
  const notifications = isObject(params) ? params['notifications'] : undefined;
  const ids = isObject(notifications) ? notifications['taskIds'] : undefined;
  return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === 'string') : [];
}
