const FIRST_MS = 500;
const LONGEST_MS = 60_000;
/** Whoever has lived shorter ended for the same reason as the one before. */
const STEADY_MS = 10_000;

/** How long a process that has ended is left alone: not at all once, then doubling up to a minute, with jitter. */
export class RestartRest {
  private shortLives = 0;
  private until = 0;

  /** A process is over. @param livedMs how long it was of use, in milliseconds */
  note(livedMs: number): void {
    this.shortLives = livedMs < STEADY_MS ? this.shortLives + 1 : 0;
    if (this.shortLives <= 1) return;
    const restMs = Math.min(FIRST_MS * 2 ** (this.shortLives - 2), LONGEST_MS) * (0.5 + Math.random() / 2);
    this.until = performance.now() + restMs;
  }

  /** Milliseconds until the next start. */
  leftMs(): number {
    return Math.max(0, this.until - performance.now());
  }
}
