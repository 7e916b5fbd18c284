export interface Pace {
  /** From the end of one turn to the next one, give or take a tenth: replicas that start together part. */
  readonly everyMs: number;
  /** How close the beginnings of two turns may be, however often somebody wakes the loop. */
  readonly apartMs: number;
}

/** Does a piece of work again and again, sooner when woken, and never twice at the same time. */
export class PacedLoop {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isStopped = true;
  private isWoken = false;
  private begunAt = -Infinity;

  /** @param work must not reject */
  constructor(
    private readonly work: () => Promise<void>,
    private readonly pace: Pace,
  ) {}

  start(): void {
    this.isStopped = false;
    this.plan(this.regularMs());
  }

  /** A turn begins soon, and after this call. */
  wake(): void {
    this.isWoken = true;
    if (!this.running) this.plan(this.soonMs());
  }

  /** Waits for a turn that is under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private plan(ms: number): void {
    if (this.isStopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.turn(), ms);
    this.timer.unref();
  }

  private turn(): void {
    this.isWoken = false;
    this.begunAt = performance.now();
    this.running = this.work().finally(() => {
      this.running = undefined;
      this.plan(this.isWoken ? this.soonMs() : this.regularMs());
    });
  }

  private regularMs(): number {
    return this.pace.everyMs * (0.9 + Math.random() * 0.2);
  }

  private soonMs(): number {
    return Math.max(0, this.begunAt + this.pace.apartMs - performance.now());
  }
}
