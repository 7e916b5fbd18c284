/** Whoever has not ended a message so long after it was begun is not to be waited for. */
const STUCK_MS = 500;

/** How long the message that comes on a stream has been under way. */
export class UnfinishedMessage {
  private begunAt = Infinity;

  /**
   * Something came.
   *
   * @param isInside a message has begun that has no end yet
   * @param hasEnded the end of another one came before
   */
  note(isInside: boolean, hasEnded: boolean): void {
    if (!isInside) this.begunAt = Infinity;
    else if (hasEnded || this.begunAt === Infinity) this.begunAt = performance.now();
  }

  /** It was begun, and does not end: what is said on the stream from now on would be taken for a part of it. */
  get isStuck(): boolean {
    return performance.now() - this.begunAt > STUCK_MS;
  }
}
