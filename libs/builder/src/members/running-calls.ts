import type { RunningCall } from '../member.js';

/** The calls that a member has under way, so that it can be closed without breaking them off. */
export class RunningCalls {
  private readonly calls = new Set<RunningCall>();
  private onIdle: (() => void) | undefined;

  add(call: RunningCall): void {
    this.calls.add(call);
  }

  readonly remove = (call: RunningCall): void => {
    this.calls.delete(call);
    if (this.calls.size === 0) this.onIdle?.();
  };

  /** Resolves when no call is under way, after `graceMs` at the latest; the rest is broken off. */
  async drained(graceMs: number): Promise<void> {
    if (this.calls.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const call of [...this.calls]) call.breakOff();
  }
}
