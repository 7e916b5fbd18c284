import type { Deadlines } from './deadlines.js';

/** As the official SDK has it: how long people may take for all that one call asks them. */
const ASKING_MS = 600_000;

export interface CallTimeParts {
  readonly deadlines: Pick<Deadlines, 'add'>;
  /** The member has taken longer than it may. */
  readonly onExpired: () => void;
  /** People have. */
  readonly onUnanswered: () => void;
}

/** The time that a call may take. It rests while people are asked, whose time is counted apart. */
export class CallTime {
  private clear: (() => void) | undefined;
  /** In milliseconds of `performance.now()`. */
  private endsAt = 0;
  private restingSince: number | undefined;
  private leftMs = 0;
  private leftForPeopleMs = ASKING_MS;

  constructor(private readonly parts: CallTimeParts) {}

  /** From now on so many milliseconds. */
  begin(ms: number): void {
    this.stop();
    this.endsAt = performance.now() + ms;
    this.clear = this.parts.deadlines.add(ms, this.parts.onExpired);
  }

  /** Somebody is asked. */
  rest(): void {
    if (this.restingSince !== undefined) return;
    this.stop();
    this.restingSince = performance.now();
    this.leftMs = Math.max(this.endsAt - this.restingSince, 0);
    this.clear = this.parts.deadlines.add(this.leftForPeopleMs, this.parts.onUnanswered);
  }

  /** Nobody is asked any more: what was left goes on. */
  goOn(): void {
    if (this.restingSince !== undefined) this.begin(this.leftMs);
  }

  stop(): void {
    this.clear?.();
    this.clear = undefined;
    if (this.restingSince === undefined) return;
    this.leftForPeopleMs = Math.max(this.leftForPeopleMs - (performance.now() - this.restingSince), 0);
    this.restingSince = undefined;
  }
}
