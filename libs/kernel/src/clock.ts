/** Where the time comes from, so that tests can move it. */
export class Clock {
  /** Milliseconds since the epoch. */
  now(): number {
    return Date.now();
  }
}
