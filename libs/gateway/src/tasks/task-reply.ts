import type { MemberReply } from '#builder';
import { PassingReply } from '../router/passing-reply.js';
import { withHandle } from './task-edits.js';

/** Of whom the task is: the member's own id of it, and the one by which the caller knows it. */
interface KnownTask {
  readonly own: string;
  readonly handle: string;
}

/** Gives the caller who asks about a task its handle in place of the member's id, and nothing else. */
export class TaskReply extends PassingReply {
  /** What is passed on piece by piece cannot be changed. */
  readonly takesPieces = false;

  constructor(
    reply: MemberReply,
    private readonly task: KnownTask,
  ) {
    super(reply);
  }

  override message(parts: readonly Buffer[], status?: number): void {
    const { own, handle } = this.task;
    this.reply.message([withHandle(Buffer.concat(parts), own, handle)], status);
  }
}
