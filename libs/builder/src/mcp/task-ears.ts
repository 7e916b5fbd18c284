import { MemberBusyError } from '../builder.errors.js';
import type { TaskWatcher } from '../member.js';
import type { McpLink } from './mcp-link.js';
import { TaskEar, type TaskEarParts } from './task-ear.js';

/** Links on which a member is listened to for tasks at the same time: each takes a connection. */
const MAX_EARS = 16;

/** Where a member is listened to for tasks: an ear for each link on which somebody watches one. */
export class TaskEars {
  private readonly ears = new Map<McpLink, TaskEar>();

  constructor(private readonly parts: Pick<TaskEarParts, 'pool' | 'deadlines'>) {}

  has(link: McpLink): boolean {
    return this.ears.has(link);
  }

  /** As `TaskEar.watch`. Rejects, too, if too many links are listened on. */
  async watch(
    { link, credential }: Pick<TaskEarParts, 'link' | 'credential'>,
    id: string,
    watcher: TaskWatcher,
  ): Promise<() => void> {
    const known = this.ears.get(link);
    if (known) return known.watch(id, watcher);
    if (this.ears.size >= MAX_EARS) throw new MemberBusyError();
    const ear = new TaskEar({ ...this.parts, link, credential, onIdle: () => this.forget(link, ear) });
    this.ears.set(link, ear);
    return ear.watch(id, watcher);
  }

  /** What was listened for on these links was with credentials that may be others now. */
  endOn(links: readonly McpLink[]): void {
    for (const link of links) this.ears.get(link)?.end();
  }

  end(): void {
    this.endOn([...this.ears.keys()]);
  }

  private forget(link: McpLink, ear: TaskEar): void {
    if (this.ears.get(link) === ear) this.ears.delete(link);
  }
}
