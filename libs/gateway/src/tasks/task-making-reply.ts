import type { MemberReply } from '#builder';
import { PassingReply } from '../router/passing-reply.js';
import { createdTaskIn, withHandle } from './task-edits.js';

export interface TaskMakingParts {
  /** The member says that it may answer with a task: then its answers are looked into. */
  readonly isLikely: boolean;
  /** The handle of a task that the member has made; undefined for an id that no client could come back with. */
  readonly handleOf: (own: string) => string | undefined;
  readonly memberName: string;
}

/** Gives the caller of a tool a handle where the member has answered with a task, and every other answer as it is. */
export class TaskMakingReply extends PassingReply {
  readonly takesPieces: boolean;

  constructor(
    reply: MemberReply,
    private readonly parts: TaskMakingParts,
  ) {
    super(reply);
    this.takesPieces = reply.takesPieces && !parts.isLikely;
  }

  override message(parts: readonly Buffer[], status?: number): void {
    const message = Buffer.concat(parts);
    const own = createdTaskIn(message);
    if (own === undefined) return this.reply.message([message], status);
    const handle = this.parts.handleOf(own);
    if (handle !== undefined) return this.reply.message([withHandle(message, own, handle)], status);
    const text = `Server "${this.parts.memberName}" has made a task that cannot be asked for. It may carry the call out all the same.`;
    this.reply.failed(text, 'COMPOSER_MEMBER_PROTOCOL');
  }
}
