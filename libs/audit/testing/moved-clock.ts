import { Clock } from '#kernel';

/** A clock that tests set forward. */
export class MovedClock extends Clock {
  /** Milliseconds. */
  later = 0;

  override now(): number {
    return super.now() + this.later;
  }
}
