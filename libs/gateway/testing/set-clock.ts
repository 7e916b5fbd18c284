import { Clock } from '#kernel';

/** Stands still until a test sets it. */
export class SetClock extends Clock {
  /** Milliseconds of Unix time. */
  time = 1_000_000;

  override now(): number {
    return this.time;
  }
}
