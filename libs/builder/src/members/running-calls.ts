import { MemberBusyError } from '../builder.errors.js';
import { failureText } from '../failure-text.js';
import type { MemberReply, RunningCall } from '../member.js';

const MAX_CALLS = 200;
const MAX_BYTES = 32 * 1024 * 1024;

/** The calls that a member has under way: bounded, and known, so that it can be closed without breaking them off. */
export class RunningCalls {
  private readonly calls = new Map<RunningCall, number>();
  private bytes = 0;
  private onIdle: (() => void) | undefined;

  hasRoomFor(bytes: number): boolean {
    return this.calls.size < MAX_CALLS && this.bytes + bytes <= MAX_BYTES;
  }

  /**
   * False if the member has as many calls as it may have, or calls as large: the call must not begin.
   *
   * @param bytes that are kept for the call until it is removed
   */
  add(call: RunningCall, bytes: number): boolean {
    if (!this.hasRoomFor(bytes)) return false;
    this.calls.set(call, bytes);
    this.bytes += bytes;
    return true;
  }

  readonly remove = (call: RunningCall): void => {
    this.bytes -= this.calls.get(call) ?? 0;
    this.calls.delete(call);
    if (this.calls.size === 0) this.onIdle?.();
  };

  /**
   * Resolves when no call is under way, after `graceMs` at the latest; the rest is broken off.
   *
   * @param onFault told what a call threw when it was broken off; the others are broken off all the same
   */
  async drained(graceMs: number, onFault: (error: unknown) => void): Promise<void> {
    if (this.calls.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const call of [...this.calls.keys()]) {
      try {
        call.breakOff();
      } catch (error) {
        onFault(error);
      }
    }
  }
}

/** Begins no call: tells the caller that the member has more to do than it may have. */
export function refuseAsBusy(member: string, reply: MemberReply): RunningCall {
  const error = new MemberBusyError();
  reply.failed(failureText(member, error), error.code);
  return { cancel: () => undefined, breakOff: () => undefined };
}
